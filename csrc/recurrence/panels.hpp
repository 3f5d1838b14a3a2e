// Weights packed into panels, and rows times a panel.
#pragma once

#include "tile.hpp"

namespace ostinato::OSTINATO_ISA {

inline index rounded(index numbers, index unit) { return slices(numbers, unit) * unit; }

// Rows whose sums wait in the first cache: a panel is read from there too, once for each such block.
inline constexpr index block_rows = 48;

// sums[r][Group * lanes] += left(r, 0 .. depth) * panel [depth][Group * lanes]
template <int Group, class V, class T = typename V::Scalar>
OSTINATO_INLINE void add_product(T* sums, const T* left, index row_step, index rows, const T* panel, index depth) {
    constexpr index width = Group * V::lanes;
    for (index k = 0; k < depth; k += piece)
        in_groups<tile_height<V>(Group)>(rows, [&](index row, auto constant) {
            accumulate<decltype(constant)::value, Group, 1, V, true>(sums + row * width, left + row * row_step + k, row_step,
                                                                     1, panel + k * width, 0, lesser(piece, depth - k));
        });
}

// The same for one row and several panels, `apart` numbers from one to the next: one row and one panel alone have too
// few sums to keep the multipliers busy. sums: [Blocks][Group * lanes]
template <int Group, int Blocks, class V, class T = typename V::Scalar>
OSTINATO_INLINE void add_products_of_row(T* sums, const T* left, const T* panels, index apart, index depth) {
    for (index k = 0; k < depth; k += piece)
        accumulate<1, Group, Blocks, V, true>(sums, left + k, 0, 1, panels + k * Group * V::lanes, apart,
                                              lesser(piece, depth - k));
}

struct Range {
    index from, to;
    // The part of [0, count) that falls to one of `shares`.
    static Range of(index count, index share, index shares) { return {count * share / shares, count * (share + 1) / shares}; }
    OSTINATO_INLINE Range in_numbers(index unit, index most) const { return {lesser(from * unit, most), lesser(to * unit, most)}; }
};

// then(row, first column, sums, vectors) for left [rows][left_step] times panels of two vectors of columns, each of
// `panel_depth` rows, of which the first `depth` count. Backwards: from the last panel to the first.
template <class V, class Then, class T = typename V::Scalar>
OSTINATO_INLINE void times_panels(const Range& panels, index rows, bool backwards, const T* left, index left_step,
                                  const T* weight, index depth, index panel_depth, index columns, Then then) {
    constexpr index width = 2 * V::lanes, together = 4;
    const index count = panels.to - panels.from, apart = panel_depth * width;
    const index whole = rows == 1 ? count / together * together : 0;
    alignas(64) T sums[block_rows][width];
    const auto panel_of = [&](index i) { return panels.from + (backwards ? count - 1 - i : i); };
    const auto vectors = [&](index j) { return columns - j > V::lanes ? 2 : 1; };
    for (index i = 0; i < whole; i += together) {
        const index panel = backwards ? panel_of(i + together - 1) : panel_of(i);
        std::memset(sums, 0, together * sizeof(sums[0]));
        add_products_of_row<2, together, V>(sums[0], left, weight + panel * apart, apart, depth);
        for (index b = 0; b < together; ++b)
            then(index(0), (panel + b) * width, sums[b], vectors((panel + b) * width));
    }
    for (index i = whole; i < count; ++i) {
        const index panel = panel_of(i), j = panel * width;
        for (index first = 0; first < rows; first += block_rows) {
            const index part = lesser(block_rows, rows - first);
            std::memset(sums, 0, std::size_t(part) * sizeof(sums[0]));
            add_product<2, V>(sums[0], left + first * left_step, left_step, part, weight + panel * apart, depth);
            for (index r = 0; r < part; ++r) then(first + r, j, sums[r], vectors(j));
        }
    }
}

#if defined(__GNUC__) && !defined(__clang__)
// Lane j of row i and lane i of row j change places.
template <class T, int N>
OSTINATO_INLINE void transpose(Lanes<T, N> (&rows)[N]) {
    using Integer = typename Lanes<T, N>::Integer;
    using Integers = typename Lanes<T, N>::Integers;
#pragma GCC unroll 8
    for (int d = N / 2; d > 0; d /= 2) {
        Integers low, high;
#pragma GCC unroll 16
        for (int j = 0; j < N; ++j) {
            low[j] = Integer(j & d ? N + j - d : j);
            high[j] = Integer(j & d ? N + j : j + d);
        }
#pragma GCC unroll 16
        for (int i = 0; i < N; ++i) {
            if (i & d) continue;
            const auto a = rows[i].v, b = rows[i + d].v;
            rows[i].v = __builtin_shuffle(a, b, low);
            rows[i + d].v = __builtin_shuffle(a, b, high);
        }
    }
}
template <class V>
inline constexpr bool transposes = false;
template <class T, int N>
inline constexpr bool transposes<Lanes<T, N>> = N > 1;
#else
template <class V>
inline constexpr bool transposes = false;
#endif

// Gates' blocks [from, from + Blocks) of weight [gates * hidden, depth] as [panels][depth][Units * Blocks][lanes], a panel
// being Units vectors of units; zeros for units past the last.
template <int Units, int Blocks, class V, class T = typename V::Scalar>
void pack_gates(const T* weight, index hidden, index depth, int from, T* to) {
    constexpr int L = V::lanes;
    constexpr index step = Units * Blocks * L;
    for (index j = 0; j < hidden; j += Units * L, to += depth * step)
        for (int u = 0; u < Units; ++u)
            for (int g = 0; g < Blocks; ++g) {
                const index unit = j + u * L;
                const T* rows = weight + ((from + g) * hidden + unit) * depth;
                T* column = to + (u * Blocks + g) * L;
                index k = 0;
                if constexpr (transposes<V>) {
                    if (unit + L <= hidden)
                        for (; k + L <= depth; k += L) {
                            V square[L];
                            for (int l = 0; l < L; ++l) square[l] = V::load(rows + l * depth + k);
                            transpose(square);
                            for (int l = 0; l < L; ++l) square[l].store(column + (k + l) * step);
                        }
                }
                for (; k < depth; ++k)
                    for (int l = 0; l < L; ++l) column[k * step + l] = unit + l < hidden ? rows[l * depth + k] : T(0);
            }
}

// The biases in the order of packed gates, [panels][Units][gates][lanes]: what belongs to the inputs' part, and what to a
// product that stays apart. Each may be null.
template <int Units, class V, class Cell, class T = typename V::Scalar>
void pack_biases(const T* of_inputs, const T* of_hidden, index hidden, T* inputs, T* products) {
    constexpr int L = V::lanes, G = Cell::gates;
    for (index j = 0; j < rounded(hidden, Units * L); ++j)
        for (int g = 0; g < G; ++g) {
            const auto of = [&](const T* each) { return each && j < hidden ? each[g * hidden + j] : T(0); };
            const index at = (j / L * G + g) * L + j % L;
            inputs[at] = Cell::apart[g] ? of(of_inputs) : of(of_inputs) + of(of_hidden);
            products[at] = Cell::apart[g] ? of(of_hidden) : T(0);
        }
}

// weight [depth, columns] as [panels][depth][2 * lanes]; zeros for columns past the last.
template <class V, class T = typename V::Scalar>
void pack_columns(const T* weight, index depth, index columns, T* to) {
    constexpr index width = 2 * V::lanes;
    for (index j = 0; j < columns; j += width)
        for (index k = 0; k < depth; ++k, to += width) {
            const T* from = weight + k * columns + j;
            for (int v = 0; v < 2; ++v)
                load_columns<V>(from + v * V::lanes, columns - j - v * V::lanes).store(to + v * V::lanes);
        }
}

// weight [columns, depth] in the same form: its transpose.
template <class V, class T = typename V::Scalar>
void pack_rows(const T* weight, index columns, index depth, T* to) {
    pack_gates<2, 1, V>(weight, columns, depth, 0, to);
}

}  // namespace ostinato::OSTINATO_ISA

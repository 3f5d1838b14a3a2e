// A weight's gradient: the sum over many rows of products of two of their numbers, some rows at a time.
#pragma once

#include "recurrence/panels.hpp"

namespace ostinato::OSTINATO_ISA {

// Some rows, at most `piece`, brought together: one factor on the left, [blocks of left_columns][count][left_columns], the
// other on the right in panels of two vectors of columns.
template <class V, class T = typename V::Scalar>
class Outer {
    static constexpr int L = V::lanes;
    static constexpr index panel_width = 2 * L, left_columns = 32;

   public:
    // How many numbers it needs for up to `count` rows of so many columns.
    static index numbers(index left, index right, index count) {
        return rounded((rounded(left, left_columns) + rounded(right, panel_width)) * count, 16);
    }
    // The part of the left's columns that falls to one of `shares`.
    static Range share(index columns, index share, index shares) {
        return Range::of(slices(columns, left_columns), share, shares).in_numbers(left_columns, columns);
    }

    Outer(T* memory, index right, index count)
        : right_(memory), left_(memory + rounded(right, panel_width) * count), count_(count) {}

    // row(k) gives a function of the first column of a vector, which gives the vector.
    template <class Row>
    OSTINATO_INLINE void stage(index columns, Row row) {
        for (index k = 0; k < count_; ++k) {
            T* to = right_ + k * panel_width;
            row(k, [&](auto vector) {
                for (index j = 0; j < columns; j += L, to += j % panel_width ? L : count_ * panel_width - L) vector(j).store(to);
            });
        }
    }

    // Takes columns `range` of gradients [count][row] as the left factor, and adds their sums to bias.
    void bring(const T* gradients, index row, Range range, T* bias) {
        constexpr int vectors = int(greater(1, left_columns / L));
        range_ = range;
        T* left = left_;
        for (index i = range.from; i < range.to; i += left_columns, left += left_columns * count_) {
            const index rows = lesser(left_columns, range.to - i);
            V total[vectors];
            for (V& each : total) each = V::zero();
            for (index k = 0; k < count_; ++k)
                for (int v = 0; v < vectors; ++v)
                    if (v * L < rows) {
                        const V value = load_columns<V>(gradients + k * row + i + v * L, rows - v * L);
                        total[v] = total[v] + value;
                        value.store(left + k * left_columns + v * L);
                    }
            for (int v = 0; bias && v < vectors; ++v)
                if (v * L < rows)
                    store_columns(load_columns<V>(bias + i + v * L, rows - v * L) + total[v], bias + i + v * L, rows - v * L);
        }
    }

    // out[i, :] += the sum over k of left(k, i) * right(k, :), for the columns i that were brought.
    void add(index columns, T* out) const {
        const T* left = left_;
        for (index i = range_.from; i < range_.to; i += left_columns, left += left_columns * count_)
            for (index j = 0; j < columns; j += panel_width)
                in_groups<tile_height<V>(2)>(lesser(left_columns, range_.to - i), [&](index r, auto constant) {
                    constexpr int Rows = decltype(constant)::value;
                    const index rest = columns - j;
                    alignas(64) T sums[Rows][2][L];
                    T* to = out + (i + r) * columns + j;
                    for (int q = 0; q < Rows; ++q)
                        for (int v = 0; v < 2; ++v)
                            (rest > v * L ? load_columns<V>(to + q * columns + v * L, rest - v * L) : V::zero()).store(sums[q][v]);
                    accumulate<Rows, 2, 1, V, true>(sums[0][0], left + r, 1, left_columns, right_ + j * count_, 0, count_);
                    for (int q = 0; q < Rows; ++q)
                        for (int v = 0; v < 2; ++v)
                            if (rest > v * L) store_columns(V::load(sums[q][v]), to + q * columns + v * L, rest - v * L);
                });
    }

   private:
    T *right_, *left_;
    index count_;
    Range range_{};
};

}  // namespace ostinato::OSTINATO_ISA

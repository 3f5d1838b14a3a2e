// Matrix products: out = (bias | what is there | 0) + left * right.
//
// A sum is a chain of fused multiply-adds in the order of the summed axis, cut as tile.hpp says, so a result is the same
// bits whatever the other sizes, the tile, the caches and the number of threads.
#pragma once

#include "calls.hpp"
#include "parallel.hpp"
#include "tile.hpp"

namespace ostinato::OSTINATO_ISA {

// Element (r, c) at data[r * row + c * column].
template <class T>
struct Strided {
    const T* data;
    index row, column;

    // Columns [first, first + count) of rows [row0, row0 + depth) as [depth][width], zeros up to width.
    OSTINATO_INLINE void pack(index row0, index depth, index first, index count, index width, T* to) const {
        if (column == 1) {
            for (index k = 0; k < depth; ++k, to += width) {
                const T* from = data + (row0 + k) * row + first;
                for (index c = 0; c < count; ++c) to[c] = from[c];
                for (index c = count; c < width; ++c) to[c] = 0;
            }
            return;
        }
        for (index c = 0; c < width; ++c) {
            const T* from = data + row0 * row + (first + c) * column;
            for (index k = 0; k < depth; ++k) to[k * width + c] = c < count ? from[k * row] : T(0);
        }
    }
};

// What a product starts from: a bias for each column, or zero where it is null, or what is there already.
template <class T>
struct Start {
    const T* bias = nullptr;
    bool add = false;
};

template <class V>
inline constexpr int tile_rows = tile_height<V>(2);

// How much of the summed axis a tile takes at one visit, a multiple of `piece`: each visit reads and writes its part of
// the result once. A panel of right, [256][width], and the tile's rows of left stay in the first cache.
inline constexpr index visit = 2 * piece;

// Rows [row0, row1) and columns [column0, column1) of the product, on this thread.
// Right has pack() as above, its rows being the summed axis.
template <class V, class Right, class T = typename V::Scalar>
void matmul_part(const Strided<T>& left, const Right& right, index row0, index row1, index column0, index column1,
                 index depth, Start<T> start, T* out, index out_row) {
    constexpr index width = 2 * V::lanes, rows_in_tile = tile_rows<V>;
    // A block of left stays in half the second cache.
    const index block_rows = greater(
        rows_in_tile, index(second_cache_bytes()) / 2 / (visit * index(sizeof(T))) / rows_in_tile * rows_in_tile);
    const index block_columns = slices(1024, width) * width;
    const bool pack_left = left.column != 1;
    T* packed_right = scratch_of<T>(Slot::packed_right, lesser(block_columns, slices(column1 - column0, width) * width) * visit);
    T* packed_left = pack_left ? scratch_of<T>(Slot::packed_left, block_rows * visit) : nullptr;

    for (index j0 = column0; j0 < column1; j0 += block_columns) {
        const index j1 = lesser(column1, j0 + block_columns);
        // Once even for an empty sum, which is its start.
        for (index k0 = 0; k0 < depth || k0 == 0; k0 += visit) {
            const index deep = lesser(visit, depth - k0);
            for (index j = j0; j < j1; j += width)
                right.pack(k0, deep, j, lesser(width, j1 - j), width, packed_right + (j - j0) * visit);
            for (index i0 = row0; i0 < row1; i0 += block_rows) {
                const index i1 = lesser(row1, i0 + block_rows);
                if (pack_left) {
                    // left transposed is packed as right is: [depth][rows_in_tile]
                    const Strided<T> turned{left.data, left.column, left.row};
                    for (index i = i0; i < i1; i += rows_in_tile)
                        turned.pack(k0, deep, i, lesser(rows_in_tile, i1 - i), rows_in_tile,
                                    packed_left + (i - i0) * visit);
                }
                for (index j = j0; j < j1; j += width) {
                    const T* panel = packed_right + (j - j0) * visit;
                    const index columns = j1 - j;
                    for (index i = i0; i < i1; i += rows_in_tile) {
                        const T* rows = pack_left ? packed_left + (i - i0) * visit : left.data + i * left.row + k0;
                        const index row_step = pack_left ? 1 : left.row, depth_step = pack_left ? rows_in_tile : 1;
                        with_rows<rows_in_tile>(i1 - i, [&](auto constant) {
                            constexpr int Rows = decltype(constant)::value;
                            alignas(64) T sums[Rows][2][V::lanes];
                            for (int r = 0; r < Rows; ++r)
                                for (int v = 0; v < 2; ++v) {
                                    const index c = v * V::lanes;
                                    V from = V::zero();
                                    if (k0 > 0 || start.add)
                                        from = load_columns<V>(out + (i + r) * out_row + j + c, columns - c);
                                    else if (start.bias)
                                        from = load_columns<V>(start.bias + j + c, columns - c);
                                    from.store(sums[r][v]);
                                }
                            for (index k = 0; k < deep; k += piece)
                                accumulate<Rows, 2, 1, V, true>(sums[0][0], rows + k * depth_step, row_step, depth_step,
                                                                panel + k * width, 0, lesser(piece, deep - k));
                            for (int r = 0; r < Rows; ++r)
                                for (int v = 0; v < 2; ++v)
                                    store_columns(V::load(sums[r][v]), out + (i + r) * out_row + j + v * V::lanes,
                                                  columns - v * V::lanes);
                        });
                    }
                }
            }
        }
    }
}

// out [rows, columns], its rows out_row apart; split over rows or columns, never over the sum.
template <class V, class Right, class T = typename V::Scalar>
void matmul(const Strided<T>& left, const Right& right, index rows, index columns, index depth, Start<T> start, T* out,
            index out_row, int threads) {
    if (rows <= 0 || columns <= 0) return;
    const bool by_rows = rows >= columns;
    const index unit = by_rows ? tile_rows<V> : 2 * V::lanes;
    const index units = slices(by_rows ? rows : columns, unit);
    // Below about half a million multiplications waking a thread costs more than it saves.
    const double work = double(rows) * double(columns) * double(depth);
    const int shares = int(greater(1, lesser(lesser(threads, units), work < 4e9 ? index(work / 5e5) : index(threads))));
    auto share = [&](int i) {
        const FlushDenormals flush;
        const index first = units * i / shares * unit, last = units * (i + 1) / shares * unit;
        if (by_rows)
            matmul_part<V>(left, right, first, lesser(rows, last), 0, columns, depth, start, out, out_row);
        else
            matmul_part<V>(left, right, 0, rows, first, lesser(columns, last), depth, start, out, out_row);
    };
    in_parallel(shares, share);
}

// out[c] = sum of a column of values [rows, columns], in pieces as above; several columns' vectors side by side, so that
// each line that is fetched is used whole.
template <class V, class T = typename V::Scalar>
void sum_rows(const T* values, index rows, index columns, T* out, int threads) {
    constexpr int beside = 8;
    const index width = beside * V::lanes, units = slices(columns, width);
    const int shares = int(greater(1, lesser(lesser(threads, units), rows * columns / 200000)));
    auto share = [&](int i) {
        const FlushDenormals flush;
        for (index u = units * i / shares; u < units * (i + 1) / shares; ++u) {
            const index first_column = u * width, rest = columns - first_column;
            const int vectors = int(lesser(beside, slices(rest, V::lanes)));
            V total[beside], part[beside];
            for (int v = 0; v < beside; ++v) total[v] = V::zero();
            for (index first = 0; first < rows; first += piece) {
                for (int v = 0; v < beside; ++v) part[v] = V::zero();
                for (index r = first; r < lesser(rows, first + piece); ++r) {
                    const T* row = values + r * columns + first_column;
                    if (rest >= width)
                        for (int v = 0; v < beside; ++v) part[v] = part[v] + V::load(row + v * V::lanes);
                    else
                        for (int v = 0; v < vectors; ++v)
                            part[v] = part[v] + load_columns<V>(row + v * V::lanes, rest - v * V::lanes);
                }
                for (int v = 0; v < beside; ++v) total[v] = total[v] + part[v];
            }
            for (int v = 0; v < vectors; ++v)
                store_columns(total[v], out + first_column + v * V::lanes, rest - v * V::lanes);
        }
    };
    in_parallel(shares, share);
}

template <class V, class T = typename V::Scalar>
void linear_forward(const LinearForward<T>& call) {
    matmul<V>(Strided<T>{call.x, call.inputs, 1}, Strided<T>{call.weight, 1, call.inputs}, call.rows, call.outputs,
              call.inputs, Start<T>{call.bias}, call.out, call.outputs, call.threads);
}

template <class V, class T = typename V::Scalar>
void linear_backward(const LinearBackward<T>& call) {
    if (call.grad_x)
        matmul<V>(Strided<T>{call.grad_out, call.outputs, 1}, Strided<T>{call.weight, call.inputs, 1}, call.rows,
                  call.inputs, call.outputs, Start<T>{}, call.grad_x, call.inputs, call.threads);
    if (call.grad_weight)
        matmul<V>(Strided<T>{call.grad_out, 1, call.outputs}, Strided<T>{call.x, call.inputs, 1}, call.outputs,
                  call.inputs, call.rows, Start<T>{}, call.grad_weight, call.inputs, call.threads);
    if (call.grad_bias) sum_rows<V>(call.grad_out, call.rows, call.outputs, call.grad_bias, call.threads);
}

}  // namespace ostinato::OSTINATO_ISA

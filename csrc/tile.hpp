// The inner loop of everything: a few rows times a few columns, the sums in registers.
#pragma once

#include "parallel.hpp"
#include "simd.hpp"

namespace ostinato::OSTINATO_ISA {

OSTINATO_INLINE constexpr index lesser(index a, index b) { return a < b ? a : b; }
OSTINATO_INLINE constexpr index greater(index a, index b) { return a > b ? a : b; }
OSTINATO_INLINE constexpr index slices(index columns, index lanes) { return (columns + lanes - 1) / lanes; }

// sums[r][b * Group + v] += sum over k of left(r, k) * packed(b, k, v): for each sum one chain of fused multiply-adds in
// the order of k, so a sum never depends on which tile it was in.
//
// left: element (r, k) at left[r * row_step + k * depth_step].
// packed: Blocks slices of [depth][Group][lanes], `slice` numbers apart.
template <int Rows, int Group, int Blocks, class V>
OSTINATO_INLINE void accumulate(V (&sums)[Rows][Group * Blocks], const typename V::Scalar* left, index row_step,
                                index depth_step, const typename V::Scalar* packed, index slice, index depth) {
#pragma GCC unroll 2
    for (index k = 0; k < depth; ++k) {
        V scale[Rows];
#pragma GCC unroll 16
        for (int r = 0; r < Rows; ++r) scale[r] = V::broadcast(left[r * row_step]);
#pragma GCC unroll 16
        for (int v = 0; v < Group * Blocks; ++v) {
            V column = V::load(packed + (v / Group) * slice + (v % Group) * V::lanes);
#pragma GCC unroll 16
            for (int r = 0; r < Rows; ++r) sums[r][v] = fma(scale[r], column, sums[r][v]);
        }
        left += depth_step;
        packed += Group * V::lanes;
    }
}

template <int N>
struct Count {
    static constexpr int value = N;
};

// Calls body(Count<rows>) for a number of rows known only now, 1 <= rows <= Most.
template <int Most, class Body>
OSTINATO_INLINE void with_rows(index rows, Body body) {
    if constexpr (Most == 1) {
        body(Count<1>{});
    } else {
        if (rows >= Most)
            body(Count<Most>{});
        else
            with_rows<Most - 1>(rows, body);
    }
}

// Cuts `rows` into groups of at most Most rows, as even as can be: a tile of one row cannot keep the multipliers busy.
template <int Most, class Body>
OSTINATO_INLINE void in_groups(index rows, Body body) {
    index groups = slices(rows, Most);
    for (index i = 0; i < groups; ++i) {
        index first = rows * i / groups, count = rows * (i + 1) / groups - first;
        with_rows<Most>(count, [&](auto constant) { body(first, constant); });
    }
}

template <class V>
OSTINATO_INLINE V load_columns(const typename V::Scalar* from, index columns) {
    return columns >= V::lanes ? V::load(from) : V::load_some(from, columns);
}
template <class V>
OSTINATO_INLINE void store_columns(V value, typename V::Scalar* to, index columns) {
    if (columns >= V::lanes)
        value.store(to);
    else
        value.store_some(to, columns);
}

// Runs body(i) for every i in [0, count) over the pool.
template <class Body>
OSTINATO_INLINE void in_parallel(int count, Body& body) {
    run_parallel(count, [](void* context, int i) { (*static_cast<Body*>(context))(i); }, &body);
}

template <class T>
OSTINATO_INLINE T* scratch_of(Slot slot, index numbers) {
    return static_cast<T*>(scratch(slot, std::size_t(numbers) * sizeof(T)));
}

}  // namespace ostinato::OSTINATO_ISA

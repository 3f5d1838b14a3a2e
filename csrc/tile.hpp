// The inner loop of everything: a few rows times a few columns, the sums in registers.
#pragma once

#include "parallel.hpp"
#include "simd.hpp"

namespace ostinato::OSTINATO_ISA {

OSTINATO_INLINE constexpr index lesser(index a, index b) { return a < b ? a : b; }
OSTINATO_INLINE constexpr index greater(index a, index b) { return a > b ? a : b; }
OSTINATO_INLINE constexpr index slices(index columns, index lanes) { return (columns + lanes - 1) / lanes; }

// sums[r][b * Group + v] = sum over k of left(r, k) * packed(b, k, v): for each sum one chain of fused multiply-adds in
// the order of k, so a sum never depends on which tile it was in. It starts from zero, and what else belongs to the sum
// is added last: added first, it would set the size of every rounding on the way.
//
// A function of its own, called and not inlined: the compiler then has all the registers for the sums.
template <int Rows, int Group, int Blocks, class V, bool Onto = false, class T = typename V::Scalar>
__attribute__((noinline)) void accumulate(
    // [Rows][Blocks][Group][lanes], aligned to its lanes; Onto: holds numbers that the sums are added to
    T* __restrict sums,
    // element (r, k) at left[r * row_step + k * depth_step]
    const T* left, index row_step, index depth_step,
    // Blocks slices of [depth][Group][lanes], `slice` numbers apart
    const T* packed, index slice, index depth) {
    constexpr int columns = Group * Blocks;
    V held[Rows][columns];
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 16
        for (int v = 0; v < columns; ++v) held[r][v] = V::zero();
    // Of the two factors, the one with fewer vectors is held: all of a step then fits in the registers.
#pragma GCC unroll 4
    for (index k = 0; k < depth; ++k) {
        if constexpr (Rows < columns) {
            V scale[Rows];
#pragma GCC unroll 16
            for (int r = 0; r < Rows; ++r) scale[r] = V::broadcast(left[r * row_step]);
#pragma GCC unroll 16
            for (int v = 0; v < columns; ++v) {
                V column = V::load(packed + (v / Group) * slice + (v % Group) * V::lanes);
#pragma GCC unroll 16
                for (int r = 0; r < Rows; ++r) held[r][v] = fma(scale[r], column, held[r][v]);
            }
        } else {
            V column[columns];
#pragma GCC unroll 16
            for (int v = 0; v < columns; ++v)
                column[v] = V::load(packed + (v / Group) * slice + (v % Group) * V::lanes);
#pragma GCC unroll 16
            for (int r = 0; r < Rows; ++r) {
                V scale = V::broadcast(left[r * row_step]);
#pragma GCC unroll 16
                for (int v = 0; v < columns; ++v) held[r][v] = fma(scale, column[v], held[r][v]);
            }
        }
        left += depth_step;
        packed += Group * V::lanes;
    }
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 16
        for (int v = 0; v < columns; ++v) {
            T* to = sums + (r * columns + v) * V::lanes;
            if constexpr (Onto) held[r][v] = V::load(to) + held[r][v];
            held[r][v].store(to);
        }
}

// A sum is cut every 128 numbers, each piece added to what came before: shorter chains round less, and 128 is a constant
// of the format of a sum, not of the machine. So a result is the same bits whatever the tile, the caches and the threads.
inline constexpr index piece = 128;

// How many rows of so many vectors fit in the registers: sums, the held factor and one more.
template <class V>
constexpr int tile_height(int vectors) {
    int rows = 1;
    while (rows < 12 && (rows + 1) * vectors + (rows + 1 < vectors ? rows + 1 : vectors) + 1 <= Registers<V>::count) ++rows;
    return rows;
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

// One vector, or two of them from different places as a pair.
template <class V, int Vectors>
struct Wide;
template <class V>
struct Wide<V, 1> {
    using Type = V;
    template <class Load>
    static OSTINATO_INLINE V gather(Load load) {
        return load(0);
    }
    template <class Store>
    static OSTINATO_INLINE void scatter(V value, Store store) {
        store(0, value);
    }
};
template <class V>
struct Wide<V, 2> {
    using Type = Pair<V>;
    template <class Load>
    static OSTINATO_INLINE Pair<V> gather(Load load) {
        return {load(0), load(1)};
    }
    template <class Store>
    static OSTINATO_INLINE void scatter(Pair<V> value, Store store) {
        store(0, value.low);
        store(1, value.high);
    }
};

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

// Runs body(member, team) on every member of a team of at most `wanted`.
template <class Body>
OSTINATO_INLINE void in_team(int wanted, Body& body) {
    run_team(wanted, [](void* context, int member, int team) { (*static_cast<Body*>(context))(member, team); }, &body);
}

template <class T>
OSTINATO_INLINE T* scratch_of(Slot slot, index numbers) {
    return static_cast<T*>(scratch(slot, std::size_t(numbers) * sizeof(T)));
}

}  // namespace ostinato::OSTINATO_ISA

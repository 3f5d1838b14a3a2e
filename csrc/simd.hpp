// Lanes: several numbers of one type side by side, and the functions a cell's pointwise map is made of.
//
// The arithmetic is written once, over the compiler's own vector types; an instruction set only supplies its fused
// multiply-add. A fused multiply-add rounds once wherever it runs and -ffp-contract=off keeps the compiler from making
// others, so every instruction set gives the same bits.
//
// Kernel headers live in a namespace named after the instruction set they are compiled for: a function compiled with
// AVX-512 must never be the one the linker keeps for a CPU without it.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#ifndef OSTINATO_ISA
#define OSTINATO_ISA scalar
#endif
#define OSTINATO_INLINE inline __attribute__((always_inline))

#if defined(__GNUC__) && !defined(__clang__)
// Every function that takes lanes is inlined, so how they would be passed does not matter.
#pragma GCC diagnostic ignored "-Wpsabi"
#endif

namespace ostinato::OSTINATO_ISA {

using index = std::int64_t;

template <class T>
struct IntegerLike;
template <>
struct IntegerLike<float> {
    using type = std::int32_t;
};
template <>
struct IntegerLike<double> {
    using type = std::int64_t;
};

template <class T, int N>
struct Lanes {
    using Scalar = T;
    using Integer = typename IntegerLike<T>::type;
    typedef T Vector __attribute__((vector_size(sizeof(T) * N)));
    typedef Integer Integers __attribute__((vector_size(sizeof(T) * N)));
    static constexpr int lanes = N;

    Vector v;

    static OSTINATO_INLINE Lanes load(const T* from) {
        Lanes result;
        std::memcpy(&result.v, from, sizeof(result.v));
        return result;
    }
    // The first `count` lanes from memory, zeros after: for the last columns of a row.
    static OSTINATO_INLINE Lanes load_some(const T* from, index count) {
        T held[N] = {};
        for (index i = 0; i < N && i < count; ++i) held[i] = from[i];
        return load(held);
    }
    static OSTINATO_INLINE Lanes broadcast(T value) { return Lanes{value - Vector{}}; }
    static OSTINATO_INLINE Lanes zero() { return Lanes{Vector{}}; }
    OSTINATO_INLINE void store(T* to) const { std::memcpy(to, &v, sizeof(v)); }
    OSTINATO_INLINE void store_some(T* to, index count) const {
        T held[N];
        store(held);
        for (index i = 0; i < N && i < count; ++i) to[i] = held[i];
    }

    friend OSTINATO_INLINE Lanes operator+(Lanes a, Lanes b) { return {a.v + b.v}; }
    friend OSTINATO_INLINE Lanes operator-(Lanes a, Lanes b) { return {a.v - b.v}; }
    friend OSTINATO_INLINE Lanes operator*(Lanes a, Lanes b) { return {a.v * b.v}; }
    friend OSTINATO_INLINE Lanes operator/(Lanes a, Lanes b) { return {a.v / b.v}; }
};

// a * b + c, rounded once.
template <class T, int N>
OSTINATO_INLINE Lanes<T, N> fma(Lanes<T, N> a, Lanes<T, N> b, Lanes<T, N> c) {
#if defined(__AVX512F__)
    if constexpr (sizeof(a.v) == 64 && sizeof(T) == 4)
        return {(typename Lanes<T, N>::Vector)_mm512_fmadd_ps((__m512)a.v, (__m512)b.v, (__m512)c.v)};
    else if constexpr (sizeof(a.v) == 64)
        return {(typename Lanes<T, N>::Vector)_mm512_fmadd_pd((__m512d)a.v, (__m512d)b.v, (__m512d)c.v)};
    else
#endif
#if defined(__FMA__)
    if constexpr (sizeof(a.v) == 32 && sizeof(T) == 4)
        return {(typename Lanes<T, N>::Vector)_mm256_fmadd_ps((__m256)a.v, (__m256)b.v, (__m256)c.v)};
    else if constexpr (sizeof(a.v) == 32)
        return {(typename Lanes<T, N>::Vector)_mm256_fmadd_pd((__m256d)a.v, (__m256d)b.v, (__m256d)c.v)};
    else
#endif
#if defined(__aarch64__)
    if constexpr (sizeof(a.v) == 16 && sizeof(T) == 4)
        return {(typename Lanes<T, N>::Vector)vfmaq_f32((float32x4_t)c.v, (float32x4_t)a.v, (float32x4_t)b.v)};
    else if constexpr (sizeof(a.v) == 16)
        return {(typename Lanes<T, N>::Vector)vfmaq_f64((float64x2_t)c.v, (float64x2_t)a.v, (float64x2_t)b.v)};
    else
#endif
    {
        Lanes<T, N> result;
        for (int i = 0; i < N; ++i) {
            if constexpr (sizeof(T) == 4)
                result.v[i] = __builtin_fmaf(a.v[i], b.v[i], c.v[i]);
            else
                result.v[i] = __builtin_fma(a.v[i], b.v[i], c.v[i]);
        }
        return result;
    }
}

// The smaller and the larger, and b where they cannot be compared: a NaN in b stays.
template <class T, int N>
OSTINATO_INLINE Lanes<T, N> min(Lanes<T, N> a, Lanes<T, N> b) {
#if defined(__AVX512F__)
    if constexpr (sizeof(a.v) == 64 && sizeof(T) == 4)
        return {(typename Lanes<T, N>::Vector)_mm512_min_ps((__m512)a.v, (__m512)b.v)};
    else
#endif
#if defined(__AVX__)
    if constexpr (sizeof(a.v) == 32 && sizeof(T) == 4)
        return {(typename Lanes<T, N>::Vector)_mm256_min_ps((__m256)a.v, (__m256)b.v)};
    else
#endif
        return {a.v < b.v ? a.v : b.v};
}
template <class T, int N>
OSTINATO_INLINE Lanes<T, N> max(Lanes<T, N> a, Lanes<T, N> b) {
#if defined(__AVX512F__)
    if constexpr (sizeof(a.v) == 64 && sizeof(T) == 4)
        return {(typename Lanes<T, N>::Vector)_mm512_max_ps((__m512)a.v, (__m512)b.v)};
    else
#endif
#if defined(__AVX__)
    if constexpr (sizeof(a.v) == 32 && sizeof(T) == 4)
        return {(typename Lanes<T, N>::Vector)_mm256_max_ps((__m256)a.v, (__m256)b.v)};
    else
#endif
        return {a.v > b.v ? a.v : b.v};
}

// b where a is more than zero, zero elsewhere; a NaN in a counts as zero's side.
template <class T, int N>
OSTINATO_INLINE Lanes<T, N> where_positive(Lanes<T, N> a, Lanes<T, N> b) {
    return {a.v > Lanes<T, N>::zero().v ? b.v : Lanes<T, N>::zero().v};
}

// Floats seen as bits.
template <int N>
OSTINATO_INLINE Lanes<float, N> sign_of(Lanes<float, N> x) {
    using Integers = typename Lanes<float, N>::Integers;
    return {(typename Lanes<float, N>::Vector)((Integers)x.v & (Integers)Lanes<float, N>::broadcast(-0.0f).v)};
}
template <int N>
OSTINATO_INLINE Lanes<float, N> exclusive_or(Lanes<float, N> a, Lanes<float, N> b) {
    using Integers = typename Lanes<float, N>::Integers;
    return {(typename Lanes<float, N>::Vector)((Integers)a.v ^ (Integers)b.v)};
}
// 2^n from n + 1.5 * 2^23, -126 <= n <= 127: n stands in the low bits and the others fall off the top.
template <int N>
OSTINATO_INLINE Lanes<float, N> power_of_two(Lanes<float, N> shifted) {
    // Unsigned, because bits that leave at the top are meant to.
    typedef std::uint32_t Unsigned __attribute__((vector_size(4 * N)));
    return {(typename Lanes<float, N>::Vector)(((Unsigned)shifted.v + 127u) << 23)};
}
// A function of one number, a lane at a time.
template <class T, int N, class Function>
OSTINATO_INLINE Lanes<T, N> each(Lanes<T, N> x, Function function) {
    for (int i = 0; i < N; ++i) x.v[i] = function(x.v[i]);
    return x;
}

// Two lanes side by side. Pointwise maps run on pairs, because the long chains of one vector alone leave the core waiting;
// and tests run the wide tiles of one instruction set on a machine that has a narrower one.
template <class V>
struct Pair {
    using Scalar = typename V::Scalar;
    static constexpr int lanes = 2 * V::lanes;

    V low, high;

    static OSTINATO_INLINE Pair load(const Scalar* from) { return {V::load(from), V::load(from + V::lanes)}; }
    static OSTINATO_INLINE Pair load_some(const Scalar* from, index count) {
        return {V::load_some(from, count), count > V::lanes ? V::load_some(from + V::lanes, count - V::lanes) : V::zero()};
    }
    static OSTINATO_INLINE Pair broadcast(Scalar value) { return {V::broadcast(value), V::broadcast(value)}; }
    static OSTINATO_INLINE Pair zero() { return {V::zero(), V::zero()}; }
    OSTINATO_INLINE void store(Scalar* to) const { low.store(to), high.store(to + V::lanes); }
    OSTINATO_INLINE void store_some(Scalar* to, index count) const {
        low.store_some(to, count);
        if (count > V::lanes) high.store_some(to + V::lanes, count - V::lanes);
    }
    friend OSTINATO_INLINE Pair operator+(Pair a, Pair b) { return {a.low + b.low, a.high + b.high}; }
    friend OSTINATO_INLINE Pair operator-(Pair a, Pair b) { return {a.low - b.low, a.high - b.high}; }
    friend OSTINATO_INLINE Pair operator*(Pair a, Pair b) { return {a.low * b.low, a.high * b.high}; }
    friend OSTINATO_INLINE Pair operator/(Pair a, Pair b) { return {a.low / b.low, a.high / b.high}; }
    friend OSTINATO_INLINE Pair fma(Pair a, Pair b, Pair c) {
        return {fma(a.low, b.low, c.low), fma(a.high, b.high, c.high)};
    }
    friend OSTINATO_INLINE Pair min(Pair a, Pair b) { return {min(a.low, b.low), min(a.high, b.high)}; }
    friend OSTINATO_INLINE Pair max(Pair a, Pair b) { return {max(a.low, b.low), max(a.high, b.high)}; }
    friend OSTINATO_INLINE Pair where_positive(Pair a, Pair b) {
        return {where_positive(a.low, b.low), where_positive(a.high, b.high)};
    }
    friend OSTINATO_INLINE Pair sign_of(Pair x) { return {sign_of(x.low), sign_of(x.high)}; }
    friend OSTINATO_INLINE Pair exclusive_or(Pair a, Pair b) {
        return {exclusive_or(a.low, b.low), exclusive_or(a.high, b.high)};
    }
    friend OSTINATO_INLINE Pair power_of_two(Pair x) { return {power_of_two(x.low), power_of_two(x.high)}; }
    template <class Function>
    friend OSTINATO_INLINE Pair each(Pair x, Function function) {
        return {each(x.low, function), each(x.high, function)};
    }
};

// e^x = 2^power * (1 + fraction), with |fraction| < 0.42 accurate relative to itself; `power` still shifted.
template <class V>
struct Exponential {
    V fraction, power;
};

// Adding it leaves a number's nearest integer in the low bits of the sum: 1.5 * 2^23.
inline constexpr float shift = 12582912.0f;

template <class V>
OSTINATO_INLINE Exponential<V> exponential(V x) {
    V shifted = fma(x, V::broadcast(0x1.715476p+0f), V::broadcast(shift));
    V whole = shifted - V::broadcast(shift);
    // ln 2 in two parts, the first short enough that whole * first is exact.
    V r = fma(whole, V::broadcast(-0x1.62e4p-1f), x);
    r = fma(whole, V::broadcast(-0x1.7f7d1cp-20f), r);
    // Minimax fit of (e^r - 1 - r) / r^2 on |r| <= ln(2) / 2: e^r - 1 within 1.4e-8 of itself.
    V q = fma(V::broadcast(0x1.6d98dep-10f), r, V::broadcast(0x1.1227fep-7f));
    q = fma(q, r, V::broadcast(0x1.555488p-5f));
    q = fma(q, r, V::broadcast(0x1.5554bp-3f));
    q = fma(q, r, V::broadcast(0x1p-1f));
    return {fma(r * r, q, r), shifted};
}

// Doubles serve references and gradient checks, not speed: they go through the C library.
template <class V>
inline constexpr bool by_library = sizeof(typename V::Scalar) == 8;

template <class V>
OSTINATO_INLINE V exp(V x) {
    if constexpr (by_library<V>) {
        return each(x, [](double one) { return __builtin_exp(one); });
    } else {
        // A NaN stays: min and max keep their second operand where they cannot compare.
        auto e = exponential(min(V::broadcast(89.0f), max(V::broadcast(-104.0f), x)));
        // Two factors, because 2^power alone may leave the range of a float where the product does not.
        V half = fma(e.power - V::broadcast(shift), V::broadcast(0.5f), V::broadcast(shift));
        V rest = e.power - (half - V::broadcast(shift));
        return (e.fraction + V::broadcast(1.0f)) * power_of_two(half) * power_of_two(rest);
    }
}

template <class V>
OSTINATO_INLINE V sigmoid(V x) {
    if constexpr (by_library<V>) {
        return each(x, [](double one) { return 1.0 / (1.0 + __builtin_exp(-one)); });
    } else {
        const V one = V::broadcast(1.0f);
        // e^-x from -x in [-40, 88]: below, 1 + e^-x is 1; above, the result is smaller than any normal float.
        x = exclusive_or(x, V::broadcast(-0.0f));
        auto e = exponential(max(V::broadcast(-40.0f), min(V::broadcast(88.0f), x)));
        V scale = power_of_two(e.power);
        return one / (one + fma(scale, e.fraction, scale));
    }
}

template <class V>
OSTINATO_INLINE V tanh(V x) {
    if constexpr (by_library<V>) {
        return each(x, [](double one) { return __builtin_tanh(one); });
    } else {
        const V sign = sign_of(x);
        // tanh |x| = m / (m + 2), m = e^(2|x|) - 1 without cancellation; it is 1 from 9.1 on.
        V size = min(V::broadcast(10.0f), exclusive_or(x, sign));
        auto e = exponential(size + size);
        V scale = power_of_two(e.power);
        V m = fma(scale, e.fraction, scale - V::broadcast(1.0f));
        return exclusive_or(m / (m + V::broadcast(2.0f)), sign);
    }
}

// How many vector registers the instruction set has: it decides how many rows a tile holds.
template <class V>
struct Registers {
#if defined(__AVX512F__) || defined(__aarch64__)
    static constexpr int count = 32;
#else
    static constexpr int count = 16;
#endif
};

template <class V>
struct Registers<Pair<V>> {
    static constexpr int count = 32;
};

// The widest lanes of the instruction set this file is compiled for.
#if defined(__AVX512F__)
inline constexpr int vector_bytes = 64;
#elif defined(__AVX2__)
inline constexpr int vector_bytes = 32;
#elif defined(__aarch64__) && !defined(OSTINATO_SCALAR)
inline constexpr int vector_bytes = 16;
#else
inline constexpr int vector_bytes = 0;
#endif
template <class T>
using Widest = Lanes<T, vector_bytes ? vector_bytes / int(sizeof(T)) : 1>;

// While it lives, results too small to be normal floats are zero: decaying states would otherwise slow a core down
// a hundredfold. The caller's setting comes back afterwards.
class FlushDenormals {
   public:
#if defined(__x86_64__)
    FlushDenormals() : before_(_mm_getcsr()) { _mm_setcsr(before_ | 0x8040u); }
    ~FlushDenormals() { _mm_setcsr(before_); }
#elif defined(__aarch64__)
    FlushDenormals() {
        asm volatile("mrs %0, fpcr" : "=r"(before_));
        asm volatile("msr fpcr, %0" ::"r"(before_ | (std::uint64_t(1) << 24)));
    }
    ~FlushDenormals() { asm volatile("msr fpcr, %0" ::"r"(before_)); }
#else
    FlushDenormals() = default;
#endif
    FlushDenormals(const FlushDenormals&) = delete;
    FlushDenormals& operator=(const FlushDenormals&) = delete;

   private:
#if defined(__x86_64__)
    unsigned before_;
#elif defined(__aarch64__)
    std::uint64_t before_;
#endif
};

}  // namespace ostinato::OSTINATO_ISA

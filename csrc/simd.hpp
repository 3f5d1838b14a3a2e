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

// A NaN in x stays a NaN: a comparison with it is false, so x itself is kept.
template <class T, int N>
OSTINATO_INLINE Lanes<T, N> at_least(Lanes<T, N> x, T bound) {
    auto bounds = Lanes<T, N>::broadcast(bound);
    return {bounds.v > x.v ? bounds.v : x.v};
}
template <class T, int N>
OSTINATO_INLINE Lanes<T, N> at_most(Lanes<T, N> x, T bound) {
    auto bounds = Lanes<T, N>::broadcast(bound);
    return {bounds.v < x.v ? bounds.v : x.v};
}
template <class T, int N>
OSTINATO_INLINE Lanes<T, N> min(Lanes<T, N> a, Lanes<T, N> b) {
    return {b.v < a.v ? b.v : a.v};
}
template <class T, int N>
OSTINATO_INLINE Lanes<T, N> max(Lanes<T, N> a, Lanes<T, N> b) {
    return {b.v > a.v ? b.v : a.v};
}

// e^x = 2^power * (1 + fraction), with |fraction| < 0.42 accurate relative to itself.
template <int N>
struct Exponential {
    Lanes<float, N> fraction;
    typename Lanes<float, N>::Integers power;
};

template <int N>
OSTINATO_INLINE Exponential<N> exponential(Lanes<float, N> x) {
    using V = Lanes<float, N>;
    // Adding 1.5 * 2^23 leaves round(x / ln 2) in the low bits of the sum.
    const V shift = V::broadcast(12582912.0f);
    V shifted = fma(x, V::broadcast(0x1.715476p+0f), shift);
    V whole = shifted - shift;
    // ln 2 in two parts, the first short enough that whole * first is exact.
    V r = fma(whole, V::broadcast(-0x1.62e4p-1f), x);
    r = fma(whole, V::broadcast(-0x1.7f7d1cp-20f), r);
    // Minimax fit of (e^r - 1 - r) / r^2 on |r| <= ln(2) / 2: e^r - 1 within 1.4e-8 of itself.
    V q = V::broadcast(0x1.6d98dep-10f);
    q = fma(q, r, V::broadcast(0x1.1227fep-7f));
    q = fma(q, r, V::broadcast(0x1.555488p-5f));
    q = fma(q, r, V::broadcast(0x1.5554bp-3f));
    q = fma(q, r, V::broadcast(0x1p-1f));
    typename V::Integers bits;
    std::memcpy(&bits, &shifted.v, sizeof(bits));
    return {fma(r * r, q, r), bits};
}

// 2^n for the n in the low bits of `power`, -126 <= n <= 127: the upper bits of the shifted sum fall off the end.
template <int N>
OSTINATO_INLINE Lanes<float, N> power_of_two(typename Lanes<float, N>::Integers power) {
    // Shifted as unsigned numbers: the bits that leave at the top are meant to.
    typedef std::uint32_t Unsigned __attribute__((vector_size(4 * N)));
    Unsigned bits = ((Unsigned)power + 127u) << 23;
    Lanes<float, N> result;
    std::memcpy(&result.v, &bits, sizeof(bits));
    return result;
}

template <int N>
OSTINATO_INLINE Lanes<float, N> exp(Lanes<float, N> x) {
    using V = Lanes<float, N>;
    auto e = exponential(at_most(at_least(x, -104.0f), 89.0f));
    // Two factors, because 2^power alone may leave the range of a float where the product does not.
    typename V::Integers whole = e.power - 0x4B400000;
    typename V::Integers half = whole >> 1;
    return (e.fraction + V::broadcast(1.0f)) * power_of_two<N>(half) * power_of_two<N>(whole - half);
}

template <int N>
OSTINATO_INLINE Lanes<float, N> sigmoid(Lanes<float, N> x) {
    using V = Lanes<float, N>;
    const V one = V::broadcast(1.0f);
    // e^-x from -x in [-40, 88]: below, 1 + e^-x is 1; above, the result is smaller than any normal float.
    auto e = exponential(at_least(at_most(V{-x.v}, 88.0f), -40.0f));
    V scale = power_of_two<N>(e.power);
    return one / (one + fma(scale, e.fraction, scale));
}

template <int N>
OSTINATO_INLINE Lanes<float, N> tanh(Lanes<float, N> x) {
    using V = Lanes<float, N>;
    typename V::Integers bits, sign;
    std::memcpy(&bits, &x.v, sizeof(bits));
    sign = bits & (typename V::Integers)((V{-V::zero().v}).v);
    bits ^= sign;
    V size;
    std::memcpy(&size.v, &bits, sizeof(bits));
    // tanh |x| = m / (m + 2), m = e^(2|x|) - 1 without cancellation; it is 1 from 9.1 on.
    size = at_most(size, 10.0f);
    auto e = exponential(size + size);
    V scale = power_of_two<N>(e.power);
    V m = fma(scale, e.fraction, scale - V::broadcast(1.0f));
    V y = m / (m + V::broadcast(2.0f));
    std::memcpy(&bits, &y.v, sizeof(bits));
    bits |= sign;
    std::memcpy(&y.v, &bits, sizeof(bits));
    return y;
}

// Doubles serve references and gradient checks, not speed: the C library, a lane at a time.
template <int N>
OSTINATO_INLINE Lanes<double, N> exp(Lanes<double, N> x) {
    for (int i = 0; i < N; ++i) x.v[i] = __builtin_exp(x.v[i]);
    return x;
}
template <int N>
OSTINATO_INLINE Lanes<double, N> sigmoid(Lanes<double, N> x) {
    for (int i = 0; i < N; ++i) x.v[i] = 1.0 / (1.0 + __builtin_exp(-x.v[i]));
    return x;
}
template <int N>
OSTINATO_INLINE Lanes<double, N> tanh(Lanes<double, N> x) {
    for (int i = 0; i < N; ++i) x.v[i] = __builtin_tanh(x.v[i]);
    return x;
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

// Two lanes side by side: the wide tiles of one instruction set on a machine that only has a narrower one.
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
    friend OSTINATO_INLINE Pair exp(Pair x) { return {exp(x.low), exp(x.high)}; }
    friend OSTINATO_INLINE Pair sigmoid(Pair x) { return {sigmoid(x.low), sigmoid(x.high)}; }
    friend OSTINATO_INLINE Pair tanh(Pair x) { return {tanh(x.low), tanh(x.high)}; }
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

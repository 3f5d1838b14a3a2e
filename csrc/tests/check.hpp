// What the tests share: a check that counts, and random numbers.
#pragma once

#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "dispatch.hpp"

#ifndef OSTINATO_ISA
#define OSTINATO_ISA scalar
#endif
#define TEXT(name) #name
#define NAME(name) TEXT(name)

inline int failures = 0;

#define CHECK(condition, ...)                                    \
    do {                                                         \
        if (!(condition)) {                                      \
            ++failures;                                          \
            std::printf("%s:%d: %s: ", __FILE__, __LINE__, #condition); \
            std::printf(__VA_ARGS__);                            \
            std::printf("\n");                                   \
        }                                                        \
    } while (0)

// The same numbers everywhere, in [-1, 1).
class Random {
   public:
    explicit Random(unsigned long long seed) : state_(seed * 2 + 1) {}
    double next() {
        state_ = state_ * 6364136223846793005ull + 1442695040888963407ull;
        return double(state_ >> 11) / double(1ull << 52) - 1.0;
    }
    template <class T>
    std::vector<T> draw(std::int64_t count, double scale = 1.0) {
        std::vector<T> values(count);
        for (T& value : values) value = T(scale * next());
        return values;
    }

   private:
    unsigned long long state_;
};

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
    return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

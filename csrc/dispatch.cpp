#include "dispatch.hpp"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <numeric>
#include <stdexcept>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace ostinato {

namespace scalar {
extern const Kernels kernels;
}
#if defined(__x86_64__)
namespace avx2 {
extern const Kernels kernels;
}
namespace avx512 {
extern const Kernels kernels;
}
#elif defined(__aarch64__)
namespace neon {
extern const Kernels kernels;
}
#endif

namespace {

struct Candidate {
    const Kernels* kernels;
    bool here;
};

#if defined(__x86_64__)
// The CPU must have the instructions and the system must save their registers, which only XCR0 tells.
struct Features {
    bool avx2 = false, avx512 = false;

    Features() {
        unsigned a, b, c, d;
        if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) || !(c & bit_FMA)) return;
        unsigned low, high;
        asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
        if ((low & 0x6) != 0x6 || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return;
        avx2 = b & bit_AVX2;
        const unsigned wanted = bit_AVX512F | bit_AVX512VL | bit_AVX512BW | bit_AVX512DQ;
        avx512 = avx2 && (low & 0xE6) == 0xE6 && (b & wanted) == wanted;
    }
};
#endif

const std::vector<Candidate>& candidates() {
    static const std::vector<Candidate> all = [] {
#if defined(__x86_64__)
        const Features has;
        return std::vector<Candidate>{
            {&avx512::kernels, has.avx512}, {&avx2::kernels, has.avx2}, {&scalar::kernels, true}};
#elif defined(__aarch64__)
        return std::vector<Candidate>{{&neon::kernels, true}, {&scalar::kernels, true}};
#else
        return std::vector<Candidate>{{&scalar::kernels, true}};
#endif
    }();
    return all;
}

const Kernels& named(const std::string& name, const std::string& where) {
    std::string here;
    for (const auto& each : candidates())
        if (each.here) here += (here.empty() ? "" : ", ") + std::string(each.kernels->name);
    for (const auto& each : candidates()) {
        if (name != each.kernels->name) continue;
        if (each.here) return *each.kernels;
        throw std::invalid_argument(where + ": this CPU cannot run '" + name + "'; choose one of " + here + ".");
    }
    throw std::invalid_argument(where + ": no kernels are called '" + name + "'; choose one of " + here + ".");
}

std::atomic<const Kernels*> chosen{nullptr};

}  // namespace

const Kernels& kernels() {
    if (const Kernels* current = chosen.load(std::memory_order_relaxed)) return *current;
    const char* asked = std::getenv("OSTINATO_ISA");
    const Kernels* found = nullptr;
    if (asked && *asked)
        found = &named(asked, "OSTINATO_ISA");
    else
        for (const auto& each : candidates())
            if (each.here && !found) found = each.kernels;
    chosen.store(found, std::memory_order_relaxed);
    return *found;
}

std::vector<std::string> available() {
    std::vector<std::string> names;
    for (const auto& each : candidates())
        if (each.here) names.push_back(each.kernels->name);
    return names;
}

void use(const std::string& name) { chosen.store(&named(name, "use_isa"), std::memory_order_relaxed); }

void longest_first(const std::int64_t* lengths, std::int64_t batch, std::int64_t* order) {
    std::iota(order, order + batch, std::int64_t(0));
    const auto longer = [lengths](std::int64_t a, std::int64_t b) {
        return lengths[a] != lengths[b] ? lengths[a] > lengths[b] : a < b;
    };
    if (!std::is_sorted(order, order + batch, longer)) std::sort(order, order + batch, longer);
}

}  // namespace ostinato

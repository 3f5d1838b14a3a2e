// exp, tanh and sigmoid against the C library in double, over every exponent, and the same bits in every lane type.
#include "simd.hpp"

#include <cmath>
#include <limits>

#include "check.hpp"

using namespace ostinato::OSTINATO_ISA;

namespace {

double ulps(float found, double wanted) {
    if (std::isnan(wanted)) return std::isnan(found) ? 0 : 1e9;
    const float nearest = float(wanted);
    if (std::isinf(nearest) || std::isinf(found)) return nearest == found ? 0 : 1e9;
    // Results below the normal floats are as good as zero: the kernels flush them.
    const double unit = std::fmax(std::fabs(double(std::nextafterf(nearest, INFINITY)) - nearest), 0x1p-149);
    if (std::fabs(wanted) < 0x1p-126) return std::fabs(found - wanted) <= 0x1p-126 ? 0 : 1e9;
    return std::fabs(found - wanted) / unit;
}

template <class V, class Function>
float one(Function function, float x) {
    float result[V::lanes];
    function(V::broadcast(x)).store(result);
    for (int i = 1; i < V::lanes; ++i) CHECK(std::memcmp(result, result + i, 4) == 0, "lane %d at %a", i, x);
    return result[0];
}

template <class Function, class Reference>
void sweep(const char* name, double limit, Function function, Reference reference) {
    double worst = 0;
    float at = 0;
    for (std::uint32_t exponent = 0; exponent < 256; ++exponent)
        for (std::uint32_t mantissa = 0; mantissa < (1u << 23); mantissa += 65521 / (exponent > 100 && exponent < 140 ? 32 : 1))
            for (std::uint32_t sign = 0; sign < 2; ++sign) {
                const std::uint32_t bits = sign << 31 | exponent << 23 | mantissa;
                float x;
                std::memcpy(&x, &bits, 4);
                const float found = one<Widest<float>>(function, x);
                const float narrow = one<Lanes<float, 1>>(function, x), pair = one<Pair<Widest<float>>>(function, x);
                const bool nan = std::isnan(found);
                CHECK((nan && std::isnan(narrow) && std::isnan(pair)) ||
                          (std::memcmp(&found, &narrow, 4) == 0 && std::memcmp(&found, &pair, 4) == 0),
                      "%s(%a): %a wide, %a narrow, %a in a pair", name, x, found, narrow, pair);
                const double error = ulps(found, reference(double(x)));
                if (error > worst) worst = error, at = x;
            }
    std::printf("%s: %.2f ulp at %a\n", name, worst, at);
    CHECK(worst <= limit, "%s: %.2f ulp at %a", name, worst, at);
}

}  // namespace

int main() {
    if (!runs_here()) return 0;
    sweep("exp", 2, [](auto x) { return exp(x); }, [](double x) { return std::exp(x); });
    sweep("tanh", 3, [](auto x) { return tanh(x); }, [](double x) { return std::tanh(x); });
    sweep("sigmoid", 3, [](auto x) { return sigmoid(x); }, [](double x) { return 1 / (1 + std::exp(-x)); });
    using D = Widest<double>;
    double result[D::lanes];
    tanh(D::broadcast(0.5)).store(result);
    CHECK(result[D::lanes - 1] == std::tanh(0.5), "%a", result[0]);
    return failures != 0;
}

// exp, tanh and sigmoid against the C library in double, and the same bits in every lane type: for every exponent and sign
// of a float, zeros, denormals, infinities and NaN among them, with thousands of mantissas each, and every float around
// the places where a function changes its mind. The bounds, in units of the last place of the right answer, are
//
//     exp 2    tanh 3    sigmoid 3
//
// where that is a normal float; what is smaller may be off by the smallest normal one, 2^-126, because the kernels run
// with denormals flushed to zero. A NaN comes out where one went in, and nowhere else.
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

// Calls body with floats of every exponent and sign, and with all of those around `corners`.
template <class Body>
void each_float(std::initializer_list<float> corners, Body body) {
    const auto of = [](std::uint32_t bits) {
        float x;
        std::memcpy(&x, &bits, 4);
        return x;
    };
    for (std::uint32_t exponent = 0; exponent < 256; ++exponent)
        for (std::uint32_t mantissa = 0; mantissa < (1u << 23); mantissa += 65521 / (exponent > 100 && exponent < 140 ? 32 : 8))
            for (std::uint32_t sign = 0; sign < 2; ++sign) body(of(sign << 31 | exponent << 23 | mantissa));
    for (float corner : corners) {
        std::uint32_t bits;
        std::memcpy(&bits, &corner, 4);
        for (std::uint32_t near = bits < 200 ? 0 : bits - 200; near < bits + 200; ++near) body(of(near)), body(of(near | 1u << 31));
    }
}

template <class Function, class Reference>
void sweep(const char* name, double limit, std::initializer_list<float> corners, Function function, Reference reference) {
    double worst = 0;
    float at = 0;
    each_float(corners, [&](float x) {
        const float found = one<Widest<float>>(function, x);
        const float narrow = one<Lanes<float, 1>>(function, x), pair = one<Pair<Widest<float>>>(function, x);
        const bool nan = std::isnan(found);
        CHECK(nan == std::isnan(x), "%s(%a): %a", name, x, found);
        CHECK((nan && std::isnan(narrow) && std::isnan(pair)) ||
                  (std::memcmp(&found, &narrow, 4) == 0 && std::memcmp(&found, &pair, 4) == 0),
              "%s(%a): %a wide, %a narrow, %a in a pair", name, x, found, narrow, pair);
        const double error = ulps(found, reference(double(x)));
        if (error > worst) worst = error, at = x;
    });
    std::printf("%s: %.2f ulp at %a\n", name, worst, at);
    CHECK(worst <= limit, "%s: %.2f ulp at %a", name, worst, at);
}

const auto exponential_of = [](auto x) { return exp(x); };
const auto tanh_of = [](auto x) { return tanh(x); };
const auto sigmoid_of = [](auto x) { return sigmoid(x); };

void accuracy() {
    const float smallest = std::numeric_limits<float>::min();
    sweep("exp", 2, {0.0f, smallest, 1.0f, 87.3f, 88.72284f, 89.0f, 103.97f, 104.0f}, exponential_of, [](double x) { return std::exp(x); });
    sweep("tanh", 3, {0.0f, smallest, 0.34657f, 1.0f, 9.01f, 10.0f}, tanh_of, [](double x) { return std::tanh(x); });
    sweep("sigmoid", 3, {0.0f, smallest, 1.0f, 17.0f, 40.0f, 87.3f, 88.0f}, sigmoid_of, [](double x) { return 1 / (1 + std::exp(-x)); });
}

// What a recurrence relies on: gates between their limits, tanh odd to the last bit.
void shapes() {
    using V = Widest<float>;
    each_float({0.0f, 9.01f, 10.0f, 40.0f, 88.0f}, [](float x) {
        if (std::isnan(x)) return;
        const float t = one<V>(tanh_of, x), turned = -one<V>(tanh_of, -x), s = one<V>(sigmoid_of, x);
        CHECK(std::memcmp(&t, &turned, 4) == 0 && std::fabs(t) <= 1, "tanh(%a): %a, %a", x, t, turned);
        CHECK(s >= 0 && s <= 1, "sigmoid(%a): %a", x, s);
    });
    CHECK(one<V>(tanh_of, INFINITY) == 1 && std::signbit(one<V>(tanh_of, -0.0f)), "tanh's ends");
    CHECK(one<V>(sigmoid_of, INFINITY) == 1 && one<V>(sigmoid_of, 0.0f) == 0.5f, "sigmoid's ends");
    CHECK(one<V>(exponential_of, 0.0f) == 1 && std::isinf(one<V>(exponential_of, INFINITY)), "exp's ends");
}

// min and max keep their second operand where they cannot compare; a NaN is not positive.
template <class V>
void comparisons() {
    const float nan = NAN, values[] = {-INFINITY, -1.0f, -0.0f, 0.0f, 2.0f, INFINITY, nan};
    for (float a : values)
        for (float b : values) {
            const float least = one<V>([a](V x) { return min(V::broadcast(a), x); }, b);
            const float most = one<V>([a](V x) { return max(V::broadcast(a), x); }, b);
            const float positive = one<V>([a](V x) { return where_positive(V::broadcast(a), x); }, b);
            const float wanted[] = {a < b ? a : b, a > b ? a : b, a > 0 ? b : 0.0f}, found[] = {least, most, positive};
            for (int i = 0; i < 3; ++i)
                CHECK((std::isnan(wanted[i]) && std::isnan(found[i])) || std::memcmp(&wanted[i], &found[i], 4) == 0,
                      "%d of %a and %a: %a, wanted %a", i, a, b, found[i], wanted[i]);
        }
}

void doubles() {
    using D = Widest<double>;
    for (double x : {-800.0, -40.0, -0.5, -0.0, 1e-300, 0.5, 3.0, 700.0, double(INFINITY), double(NAN)}) {
        double results[3][D::lanes];
        exp(D::broadcast(x)).store(results[0]);
        tanh(D::broadcast(x)).store(results[1]);
        sigmoid(D::broadcast(x)).store(results[2]);
        const double wanted[] = {std::exp(x), std::tanh(x), 1 / (1 + std::exp(-x))};
        for (int i = 0; i < 3; ++i)
            for (double found : results[i])
                CHECK((std::isnan(x) && std::isnan(found)) || std::memcmp(&found, &wanted[i], 8) == 0, "%d of %a: %a", i, x, found);
    }
}

}  // namespace

int main() {
    accuracy();
    shapes();
    comparisons<Widest<float>>();
    comparisons<Lanes<float, 1>>();
    comparisons<Pair<Widest<float>>>();
    doubles();
    // As the kernels run.
    const FlushDenormals flush;
    accuracy();
    return failures != 0;
}

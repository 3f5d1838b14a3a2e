// Products against long double, and the same bits whatever the tile, the lanes, the split and the other sizes.
#include "matmul.hpp"

#include <cmath>

#include "check.hpp"

using namespace ostinato::OSTINATO_ISA;
using integer = std::int64_t;

namespace {

enum class Layout { plain, left_turned, right_turned };

template <class V, class T = typename V::Scalar>
std::vector<T> product(const std::vector<T>& a, const std::vector<T>& b, const std::vector<T>& bias, integer rows,
                       integer columns, integer depth, Layout layout, int threads, bool add = false) {
    std::vector<T> out(rows * columns, T(add ? 1 : 7));
    const Strided<T> left = layout == Layout::left_turned ? Strided<T>{a.data(), 1, rows} : Strided<T>{a.data(), depth, 1};
    const Strided<T> right =
        layout == Layout::right_turned ? Strided<T>{b.data(), 1, depth} : Strided<T>{b.data(), columns, 1};
    matmul<V>(left, right, rows, columns, depth, Start<T>{bias.empty() ? nullptr : bias.data(), add}, out.data(), columns,
              threads);
    return out;
}

template <class T>
void check_all(double tolerance) {
    using V = Widest<T>;
    const integer sizes[][3] = {{1, 1, 1},   {1, 5, 3},    {6, 16, 128}, {7, 17, 129}, {13, 33, 300},
                                {65, 31, 7}, {40, 100, 0}, {5, 70, 257}, {300, 90, 64}};
    for (const auto& [rows, columns, depth] : sizes)
        for (Layout layout : {Layout::plain, Layout::left_turned, Layout::right_turned}) {
            Random random(rows * 1000 + columns);
            const auto a = random.draw<T>(rows * depth), b = random.draw<T>(depth * columns), bias = random.draw<T>(columns);
            const auto found = product<V>(a, b, bias, rows, columns, depth, layout, 1);
            double worst = 0;
            for (integer i = 0; i < rows; ++i)
                for (integer j = 0; j < columns; ++j) {
                    long double sum = bias[j];
                    for (integer k = 0; k < depth; ++k)
                        sum += (long double)(layout == Layout::left_turned ? a[k * rows + i] : a[i * depth + k]) *
                               (layout == Layout::right_turned ? b[j * depth + k] : b[k * columns + j]);
                    worst = std::fmax(worst, std::fabs(double(found[i * columns + j] - sum)));
                }
            CHECK(worst < tolerance * std::sqrt(double(depth) + 1), "%g", worst);
            for (int threads : {2, 3})
                CHECK(same_bits(found, product<V>(a, b, bias, rows, columns, depth, layout, threads)), "%d threads", threads);
            CHECK(same_bits(found, product<Lanes<T, 1>>(a, b, bias, rows, columns, depth, layout, 1)), "one lane");
            CHECK(same_bits(found, product<Pair<V>>(a, b, bias, rows, columns, depth, layout, 1)), "pairs");
            if (layout == Layout::plain && depth <= piece) {
                // One row alone, and added to ones in place of the bias.
                const std::vector<T> last(a.end() - depth, a.end());
                const auto alone = product<V>(last, b, bias, 1, columns, depth, layout, 1);
                CHECK(same_bits(alone, std::vector<T>(found.end() - columns, found.end())), "a row alone");
                const std::vector<T> ones(columns, T(1));
                CHECK(same_bits(product<V>(a, b, ones, rows, columns, depth, layout, 1),
                                product<V>(a, b, {}, rows, columns, depth, layout, 1, true)),
                      "added to what is there");
            }
        }
    Random random(3);
    const auto values = random.draw<T>(1000 * 37);
    std::vector<T> wide(37), narrow(37), threaded(37);
    sum_rows<V>(values.data(), 1000, 37, wide.data(), 1);
    sum_rows<Lanes<T, 1>>(values.data(), 1000, 37, narrow.data(), 1);
    sum_rows<V>(values.data(), 1000, 37, threaded.data(), 3);
    CHECK(same_bits(wide, narrow) && same_bits(wide, threaded), "sums of columns");
}

}  // namespace

int main() {
    check_all<float>(1e-6);
    check_all<double>(1e-14);
    // Large enough for two threads to share it, and for more than one block of each size.
    Random random(9);
    const auto a = random.draw<float>(700 * 300), b = random.draw<float>(300 * 1100);
    CHECK(same_bits(product<Widest<float>>(a, b, {}, 700, 1100, 300, Layout::plain, 1),
                    product<Widest<float>>(a, b, {}, 700, 1100, 300, Layout::plain, 2)),
          "700 by 1100 on two threads");
    return failures != 0;
}

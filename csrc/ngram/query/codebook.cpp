#include "ngram/query/codebook.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace ostinato::ngram {

Codebook::Codebook() : bins_(std::size_t(1) << (32 - dropped)) {}

// Ascending with the value.
std::uint32_t Codebook::bin(float value) {
    std::uint32_t bits = std::bit_cast<std::uint32_t>(value + 0.f);  // -0 is 0
    bits = bits >> 31 ? ~bits : bits | 0x80000000u;
    return bits >> dropped;
}

void Codebook::see(float value) {
    Bin& seen = bins_[bin(value)];
    ++seen.count, seen.sum += value;
}

// Each code moves to the mean of those nearest to it until none does. At first they lie as close as the cube root of the
// density asks (Panter and Dite, 1951): from there the way is short.
void Codebook::settle() {
    struct Point {
        double value, count;
        std::uint32_t bin;
    };
    std::vector<Point> points;
    for (std::uint32_t b = 0; b < bins_.size(); ++b)
        if (bins_[b].count) points.push_back({bins_[b].sum / bins_[b].count, bins_[b].count, b});
    const auto share = [&](std::size_t i) {  // of a point that stands for the values up to the next one
        const double width = i + 1 < points.size() ? points[i + 1].value - points[i].value : 0;
        return std::cbrt(points[i].count * width * width);
    };
    double total = 0, before = 0;
    for (std::size_t i = 0; i < points.size(); ++i) total += share(i);
    std::vector<double> codes;
    for (std::size_t i = 0; i < points.size(); before += share(i++))
        if (points.size() <= size || double(codes.size()) <= before / total * (size - 1)) codes.push_back(points[i].value);
    for (int round = 0; round < 200 && points.size() > size; ++round) {
        std::vector<double> sums(codes.size(), 0), counts(codes.size(), 0);
        std::size_t code = 0;
        for (const Point& point : points) {
            while (code + 1 < codes.size() && codes[code + 1] + codes[code] < 2 * point.value) ++code;
            sums[code] += point.value * point.count, counts[code] += point.count;
        }
        bool moved = false;
        for (std::size_t i = 0; i < codes.size(); ++i)
            if (counts[i] && std::abs(sums[i] / counts[i] - codes[i]) > 1e-7) codes[i] = sums[i] / counts[i], moved = true;
        if (!moved) break;
    }
    of_bin_.assign(bins_.size(), 0);
    std::size_t code = 0;
    for (const Point& point : points) {
        while (code + 1 < codes.size() && codes[code + 1] + codes[code] < 2 * point.value) ++code;
        of_bin_[point.bin] = std::uint8_t(code);
    }
    for (std::size_t i = 0; i < codes.size(); ++i) codes_[i] = float(codes[i]);
    std::vector<Bin>().swap(bins_);
}

std::uint8_t Codebook::nearest(float value) const { return of_bin_[bin(value)]; }

}  // namespace ostinato::ngram

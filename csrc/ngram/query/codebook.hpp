// Codebook: at most 256 numbers that stand for all of one order's, each by the nearest (Lloyd, 1982; Max, 1960).
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace ostinato::ngram {

class Codebook {
   public:
    static constexpr int size = 256;

    Codebook();
    void see(float value);
    // When all were seen.
    void settle();
    std::uint8_t nearest(float value) const;
    const std::array<float, size>& codes() const { return codes_; }

   private:
    // Numbers that share sign, exponent and the first 11 bits after the point are seen as one.
    static constexpr int dropped = 12;
    static std::uint32_t bin(float value);
    struct Bin {
        double count = 0, sum = 0;
    };
    std::vector<Bin> bins_;
    std::array<float, size> codes_{};
    std::vector<std::uint8_t> of_bin_;
};

}  // namespace ostinato::ngram

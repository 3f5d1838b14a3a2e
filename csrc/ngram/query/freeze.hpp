// Freezing: a model's streams become one file that is queried as it lies there (frozen.hpp).
#pragma once

#include <cstdint>
#include <string>

#include "ngram/grams.hpp"
#include "ngram/watch.hpp"

namespace ostinato::ngram {

struct Freezing {
    int value_bits = 32;                           // or 8: at most 256 different numbers for each order's
    std::uint64_t memory = std::uint64_t(256) << 20;  // to sort in; beside it, 20 bytes for each n-gram below the highest order
    std::string folder = "/tmp";                   // for what does not fit there
};

// Writes `path` anew. Throws std::invalid_argument where the n-grams are not in suffix order, or not closed, and
// std::system_error.
void freeze(Grams& grams, const std::string& path, const Freezing& how, const Watch& watch);

}  // namespace ostinato::ngram

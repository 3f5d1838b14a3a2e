// Counting: a corpus to the n-grams that occur in it, within a memory limit.
#pragma once

#include <cstdint>

#include "ngram/build/corpus.hpp"
#include "ngram/build/levels.hpp"
#include "ngram/watch.hpp"

namespace ostinato::ngram {

// Which sentences are counted: all, or those whose number is or is not one less than a multiple of `every`.
struct Chosen {
    std::uint32_t every = 0;
    bool others = false;
    bool takes(std::uint64_t sentence) const { return every == 0 || (sentence % every == every - 1) != others; }
};

// How much is sorted at once, and whether the levels are on disk: what memory decides, or a test.
struct Limits {
    std::uint64_t memory = 0;
    std::uint64_t tokens = std::uint64_t(1) << 24;  // sorted at once
    bool disk = false;                              // the levels, even if they would fit into memory
};

// The n-grams of every order up to `order`, with counts. Blocks that do not fit are sorted one after another, written to
// `folder` and merged. Throws std::system_error where the disk is full.
Levels count(const Corpus& corpus, int order, const Chosen& chosen, const Limits& limits, const std::string& folder, const Watch& watch);

}  // namespace ostinato::ngram

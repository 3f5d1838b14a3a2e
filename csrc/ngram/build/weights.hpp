// Jelinek and Mercer's weights, by expectation and maximization on text that was held out.
#pragma once

#include <cstdint>
#include <vector>

#include "ngram/build/levels.hpp"
#include "ngram/watch.hpp"

namespace ostinato::ngram {

// weights[k - 1][⌊log2 C(c)⌋] of maximum likelihood against the shorter context, for the k-grams after a context c that
// was seen C(c) times, `buckets` of them; the last is for all that is above it. They start at 1/2, where those stay that
// nothing in the held-out text speaks of, and go no higher than 0.999, so that no word becomes impossible.
std::vector<std::vector<double>> fit_weights(const Levels& seen, const Levels& held_out, int buckets, const Watch& watch);

}  // namespace ostinato::ngram

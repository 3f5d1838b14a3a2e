// Estimation: counts to a back-off model, by one rule an order that covers every smoothing here.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "ngram/build/levels.hpp"
#include "ngram/watch.hpp"

namespace ostinato::ngram {

// What a word's probability rests on where its n-gram was seen, and what its context's weight is.
enum class Lower {
    interpolate,  // p = share + weight p(w | shorter context), the weight is what the shares leave
    back_off,     // p = share, the weight gives the unseen words what the shares leave
    constant,     // p = share, the weight is a constant: no distribution
};

// How the n-grams of one order share their context's probability:
//
//     share(c w) = weights[⌊log2 sum⌋] (a(c w) − minus[min(a, 6)]) / (sum of a(c w) over w + types · number of such w + added)
//
// `weights` is empty for 1 everywhere, and its last element stands for what is above it too.
// Where back_off is left with nothing for words that were not seen, the denominator is one larger (Doug Paul's rule, in
// the CMU toolkit); where every word was seen, nothing is taken off.
struct Rule {
    bool adjusted = false;  // a: how many words stand before c w (Kneser and Ney); false: how often it was seen
    std::array<double, 7> minus{};
    double types = 0, added = 0;
    std::vector<double> weights;
    Lower lower = Lower::interpolate;
    double constant = 0;
    // Only contexts of the whole length, or from a sentence's beginning, have a distribution of their own; after shorter
    // ones every word is as likely as any other.
    bool whole_only = false;
};

struct Options {
    std::vector<std::uint32_t> prune;  // [order]: n-grams seen this often or less are left out; the first must be 0
    // Below the unigrams: every word alike; or only those without a count and the unknown word.
    bool uniform_over_all = true;
    std::uint64_t memory = 0;
};

// Fills probabilities and back-offs of linked levels and drops what is pruned. One rule an order.
Levels estimate(Levels&& levels, const std::vector<Rule>& rules, const Options& options, const Watch& watch);

}  // namespace ostinato::ngram

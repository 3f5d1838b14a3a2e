// Pruning by relative entropy (A. Stolcke, "Entropy-based pruning of backoff language models", 1998).
#pragma once

#include <cstdint>

#include "ngram/build/levels.hpp"
#include "ngram/watch.hpp"

namespace ostinato::ngram {

// Leaves out each n-gram w after h without which the model's perplexity rises by less than the share `threshold`: with
// weights α before and α' after, exp(D) − 1 < threshold and
//
//     D = −P(h) (p(w|h) (ln p(w|h') + ln α' − ln p(w|h)) + (ln α' − ln α) (1 − Σ p(v|h)))
//
// P(h) is the model's own probability of h, that of <s> being that of </s>. From the highest order down; each n-gram is
// judged as if it alone went; what a longer n-gram goes on from, or ends with, stays. Back-offs are worked out anew.
Levels prune(Levels&& levels, double threshold, std::uint64_t memory, const Watch& watch);

}  // namespace ostinato::ngram

#include "ngram/build/estimate.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace ostinato::ngram {

namespace {

constexpr float dropped = -1;
constexpr std::ptrdiff_t fetched_ahead = 24;

// What is known of one context; after `close`, its factor and its weight.
struct Sum {
    double mass = 0, lower = 0;  // of what is kept: counts less discounts; probabilities after the shorter context
    std::uint32_t total = 0, types = 0, kept = 0;
    double factor() const { return mass; }
    double weight() const { return lower; }
};

double less(const Rule& rule, std::uint32_t a) { return a - rule.minus[std::min<std::uint32_t>(a, 6)]; }

// `all`: how many words there are.
void close(Sum& sum, const Rule& rule, std::uint64_t all) {
    if (sum.total == 0) {
        sum.mass = 0, sum.lower = 1;
        return;
    }
    const double below = sum.total + rule.types * sum.types + rule.added;
    double factor = 1 / below, weight = rule.constant;
    if (!rule.weights.empty()) {
        const std::size_t bucket = std::size_t(std::ilogb(double(sum.total)));
        factor *= rule.weights[std::min(bucket, rule.weights.size() - 1)];
    }
    const double left = 1 - sum.mass * factor;
    if (rule.lower == Lower::interpolate) weight = std::max(left, 0.0);
    if (rule.lower == Lower::back_off) {
        if (sum.kept == all) {
            factor = -1 / below, weight = 1;  // told by its sign: without discounts
        } else {
            if (left < 1e-9) factor = 1 / (below + 1);
            weight = (1 - sum.mass * factor) / (1 - sum.lower);
        }
    }
    sum.mass = factor, sum.lower = weight;
}

double share(const Sum& sum, const Rule& rule, std::uint32_t a) {
    return sum.factor() < 0 ? -sum.factor() * a : sum.factor() * less(rule, a);
}

double probability(const Sum& sum, const Rule& rule, std::uint32_t a, double lower) {
    return share(sum, rule, a) + (rule.lower == Lower::interpolate ? sum.weight() * lower : 0);
}

struct Task {
    Levels& levels;
    const std::vector<Rule>& rules;
    const Options& options;
    const Watch& watch;
    std::uint64_t words;  // that can come next: all but <s>

    void unigrams() const {
        Level& level = levels.level[0];
        const Rule& rule = rules[0];
        const bool last = levels.order() == 1;
        level.probability = Column<float>(levels.store, level.size());
        std::vector<std::uint32_t> counts(level.size());
        Reading<std::uint32_t> count(level.count), children(level.children);
        for (std::uint64_t word = 0; word < level.size(); ++word) {
            const std::uint32_t seen = count.next(), below = last ? 0 : children.next();
            counts[word] = word == begin ? 0 : rule.adjusted && !last ? below : seen;
        }
        std::uint64_t unseen = 1;
        for (Word word = 1; word < counts.size(); ++word) unseen += word != begin && counts[word] == 0;
        const auto lowest = [&](Word word) {
            if (options.uniform_over_all) return 1.0 / double(words);
            return word == unknown || counts[word] == 0 ? 1.0 / double(unseen) : 0.0;
        };
        const bool flat = rule.whole_only && !last;
        Sum sum;
        for (Word word = 0; word < counts.size(); ++word)
            if (word != begin && counts[word])
                sum.total += counts[word], ++sum.types, ++sum.kept, sum.mass += less(rule, counts[word]), sum.lower += lowest(word);
        close(sum, rule, words);
        Writing<float> probabilities(level.probability);
        for (Word word = 0; word < counts.size(); ++word) {
            double p = probability(sum, rule, counts[word], lowest(word));
            if (counts[word] == 0) p = rule.lower == Lower::constant ? 0 : sum.weight() * lowest(word);
            probabilities.next() = word == begin ? 1 : flat ? float(1.0 / double(words)) : float(p);
        }
        probabilities.finish();
    }

    // Visits the entries of level k whose contexts are in [low, high) and, of those, this part's.
    template <bool writes, class Visit>
    void scan(int k, std::uint64_t low, std::uint64_t high, const Sum* sums, int part, int of, Visit visit) const {
        const Level& parents = levels.level[k - 1];
        Level& level = levels.level[k];
        const bool last = k + 1 == levels.order();
        const Rule& rule = rules[k];
        const std::uint32_t threshold = options.prune[k], mask = std::uint32_t(of - 1);
        Reading<std::uint32_t> below(parents.children), prefix(level.prefix), count(level.count), children(level.children);
        Reading<float> lower(parents.probability);
        Reading<Word> first(level.first);
        Writing<float> probabilities(level.probability);
        for (std::uint64_t s = 0; s < parents.size(); ++s) {
            watch.now_and_then("estimate", s, parents.size());
            const double p = lower.next();
            for (std::uint32_t i = below.next(); i; --i) {
                const std::uint32_t later = prefix.ahead(fetched_ahead);
                if (later >= low && later < high && int((later >> 6) & mask) == part) __builtin_prefetch(sums + (later - low), 1);
                const std::uint32_t context = prefix.next(), seen = count.next(), more = last ? 0 : children.next();
                const Word word = first.next();
                // Contexts go around the parts in groups, for neighbours share a line of memory.
                if (context < low || context >= high || int((context >> 6) & mask) != part) {
                    if constexpr (writes) probabilities.skip(1);
                    continue;
                }
                const std::uint32_t a = rule.adjusted && !last && word != begin ? more : seen;
                if constexpr (writes)
                    probabilities.next() = visit(context, a, seen > threshold, p < 0 ? 0 : p, word);
                else
                    visit(context, a, seen > threshold, p < 0 ? 0 : p, word);
            }
        }
        if constexpr (writes) probabilities.finish();
    }

    void level(int k) const {
        Level &contexts = levels.level[k - 1], &level = levels.level[k];
        const Rule& rule = rules[k];
        const bool last = k + 1 == levels.order();
        level.probability = Column<float>(levels.store, level.size());
        contexts.backoff = Column<float>(levels.store, contexts.size());
        const std::uint64_t room = levels.store.disk ? std::max<std::uint64_t>(options.memory / 2 / sizeof(Sum), 1) : contexts.size();
        // A power of two, so that a context's part is a few of its bits.
        const int of = int(std::bit_floor(unsigned(parts(levels.store))));
        const std::uint64_t mask = std::uint64_t(of - 1);
        Writing<float> weights(contexts.backoff);
        for (std::uint64_t low = 0; low < contexts.size(); low += room) {
            const std::uint64_t high = std::min(low + room, contexts.size());
            std::vector<Sum> sums(high - low);
            const auto own = [&](Word first) { return !rule.whole_only || last || first == begin; };
            in_parallel(of, [&](int part) {
                scan<false>(k, low, high, sums.data(), part, of, [&](std::uint32_t context, std::uint32_t a, bool stays, double lower, Word first) {
                    if (!own(first)) return;
                    Sum& sum = sums[context - low];
                    sum.total += a, ++sum.types;
                    if (stays) ++sum.kept, sum.mass += less(rule, a), sum.lower += lower;
                });
                for (std::uint64_t context = low; context < high; ++context)
                    if (int((context >> 6) & mask) == part) close(sums[context - low], rule, words);
                scan<true>(k, low, high, sums.data(), part, of, [&](std::uint32_t context, std::uint32_t a, bool stays, double lower, Word first) {
                    if (!stays) return dropped;
                    return float(own(first) ? probability(sums[context - low], rule, a, lower) : 1.0 / double(words));
                });
            });
            for (const Sum& sum : sums) weights.next() = float(sum.weight());
        }
        weights.finish();
    }
};

}  // namespace

Levels estimate(Levels&& levels, const std::vector<Rule>& rules, const Options& options, const Watch& watch) {
    const Task task{levels, rules, options, watch, levels.level[0].size() - 1};
    task.unigrams();
    for (int k = 1; k < levels.order(); ++k) task.level(k);
    if (std::any_of(options.prune.begin(), options.prune.end(), [](std::uint32_t threshold) { return threshold > 0; }))
        return kept(std::move(levels), watch);
    for (Level& level : levels.level) level.count = {}, level.prefix = {};
    return std::move(levels);
}

}  // namespace ostinato::ngram

#include "ngram/build/prune.hpp"

#include <algorithm>
#include <cmath>

namespace ostinato::ngram {

namespace {

// Of one context: what its words' probabilities come to, in it and after the shorter context, before and after pruning.
struct Sums {
    double mass = 0, lower = 0, kept_mass = 0, kept_lower = 0;
    double log_history = 0;
    bool kept = false;
};

double weight_of(double mass, double lower) {
    const double left = 1 - lower;
    return left > 1e-12 ? std::max(1 - mass, 0.0) / left : 1;
}

class Pruner {
   public:
    Pruner(Levels& levels, double threshold, std::uint64_t memory, const Watch& watch)
        : levels_(levels), threshold_(threshold), memory_(memory), watch_(watch) {}

    void run() {
        histories();
        for (int k = levels_.order() - 1; k > 0; --k) level(k);
    }

   private:
    // log10 P of each n-gram that is a context.
    void histories() {
        for (int k = 0; k + 1 < levels_.order(); ++k) {
            const Level& level = levels_.level[k];
            histories_.emplace_back(levels_.store, level.size());
            if (k == 0) {
                Reading<float> probability(level.probability);
                std::vector<double> logs(level.size());
                for (double& log : logs) log = std::log10(std::max(double(probability.next()), 1e-300));
                logs[begin] = logs[end];
                Writing<float> writing(histories_[0]);
                for (const double log : logs) writing.next() = float(log);
                writing.finish();
                continue;
            }
            for_windows(k, sizeof(float), [&](std::uint64_t low, std::uint64_t high) {
                std::vector<float> kept;
                const float* const before = histories_[k - 1].window(low, high, kept);
                Reading<std::uint32_t> prefix(level.prefix);
                Reading<float> probability(level.probability);
                Writing<float> writing(histories_[k]);
                for (std::uint64_t i = 0; i < level.size(); ++i) {
                    watch_.now_and_then("prune", i, level.size());
                    const std::uint32_t context = prefix.next();
                    const double p = probability.next();
                    if (context >= low && context < high)
                        writing.next() = float(before[context - low] + std::log10(std::max(p, 1e-300)));
                    else
                        writing.skip(1);
                }
                writing.finish();
            });
        }
    }

    // Contexts of level k's entries, as many at once as fit.
    template <class Body>
    void for_windows(int k, std::size_t bytes, Body body) const {
        const std::uint64_t all = levels_.level[k - 1].size();
        const std::uint64_t room = levels_.store.disk ? std::max<std::uint64_t>(memory_ / 2 / bytes, 1) : all;
        for (std::uint64_t low = 0; low < all; low += room) body(low, std::min(low + room, all));
    }

    // visit(context, p, lower, held) of each entry that is not dropped, which may change p.
    template <class Visit>
    void scan(int k, std::uint64_t low, std::uint64_t high, Visit visit) {
        const Level& parents = levels_.level[k - 1];
        Level& level = levels_.level[k];
        Reading<std::uint32_t> below(parents.children), prefix(level.prefix);
        Reading<float> lower(parents.probability);
        const Column<std::uint8_t> nothing;
        Reading<std::uint8_t> held(needed_.size() ? needed_ : nothing);
        Writing<float> probability(level.probability);
        for (std::uint64_t s = 0; s < parents.size(); ++s) {
            watch_.now_and_then("prune", s, parents.size());
            const double p = lower.next();
            for (std::uint32_t i = below.next(); i; --i) {
                const std::uint32_t context = prefix.next();
                const bool needed = needed_.size() && held.next();
                if (context >= low && context < high)
                    visit(context - low, probability.next(), p, needed);
                else
                    probability.skip(1);
            }
        }
        probability.finish();
    }

    void level(int k) {
        Level& contexts = levels_.level[k - 1];
        Column<std::uint8_t> needed(levels_.store, contexts.size());
        Writing<float> weights(contexts.backoff);
        Writing<std::uint8_t> marks(needed);
        Reading<float> logs(histories_[k - 1]);
        for_windows(k, sizeof(Sums), [&](std::uint64_t low, std::uint64_t high) {
            std::vector<Sums> sums(high - low);
            for (Sums& sum : sums) sum.log_history = logs.next();
            scan(k, low, high, [&](std::uint64_t c, float& p, double lower, bool) { sums[c].mass += p, sums[c].lower += lower; });
            scan(k, low, high, [&](std::uint64_t c, float& p, double lower, bool held) {
                Sums& sum = sums[c];
                if (!held && small(sum, p, lower)) {
                    p = -1;
                    return;
                }
                sum.kept_mass += p, sum.kept_lower += lower, sum.kept = true;
            });
            for (const Sums& sum : sums) {
                float& weight = weights.next();
                if (sum.kept_mass != sum.mass) weight = float(weight_of(sum.kept_mass, sum.kept_lower));
                marks.next() = sum.kept;
            }
        });
        weights.finish(), marks.finish();
        hold_suffixes(k, needed);
        needed_ = std::move(needed);
    }

    bool small(const Sums& sum, double p, double lower) const {
        if (p <= 0 || lower <= 0) return false;
        const double left = 1 - sum.mass, before = weight_of(sum.mass, sum.lower), after = weight_of(sum.mass - p, sum.lower - lower);
        const double change = std::log(lower) + std::log(after) - std::log(p);
        const double moved = left > 1e-12 && before > 0 ? left * (std::log(after) - std::log(before)) : 0;
        return std::expm1(-std::pow(10, sum.log_history) * (p * change + moved)) < threshold_;
    }

    void hold_suffixes(int k, Column<std::uint8_t>& needed) const {
        Writing<std::uint8_t> marks(needed);
        Reading<std::uint32_t> below(levels_.level[k - 1].children);
        Reading<float> probability(levels_.level[k].probability);
        for (std::uint64_t s = 0; s < needed.size(); ++s) {
            std::uint8_t& mark = marks.next();
            for (std::uint32_t i = below.next(); i; --i) mark |= probability.next() >= 0;
        }
        marks.finish();
    }

    Levels& levels_;
    const double threshold_;
    const std::uint64_t memory_;
    const Watch& watch_;
    std::vector<Column<float>> histories_;
    Column<std::uint8_t> needed_;  // of the level at hand: what longer n-grams go on from or end with
};

}  // namespace

Levels prune(Levels&& levels, double threshold, std::uint64_t memory, const Watch& watch) {
    link(levels, memory, watch);
    Pruner(levels, threshold, memory, watch).run();
    return kept(std::move(levels), watch);
}

}  // namespace ostinato::ngram

#include "ngram/build/weights.hpp"

#include <algorithm>
#include <cmath>

namespace ostinato::ngram {

namespace {

constexpr double most = 0.999, enough = 1e-7;
constexpr int rounds = 100;

// What one held-out n-gram says of its order.
struct Evidence {
    std::uint32_t parent;   // its suffix, in the order before
    std::uint32_t count;    // 0 where a longer n-gram says more
    float likelihood = 0;   // C(c w) / C(c)
    std::int32_t bucket = -1;  // of C(c); -1 where c was not seen
};

// How often each of the held-out n-grams was seen, order by order: both stand in suffix order.
std::vector<std::vector<std::uint32_t>> look_up(const Levels& seen, const Levels& held_out, const Watch& watch) {
    std::vector<std::vector<std::uint32_t>> counts;
    std::vector<std::uint64_t> places, found;  // of the held-out n-grams among the seen ones
    constexpr std::uint64_t nowhere = ~std::uint64_t(0);
    for (int k = 0; k < held_out.order(); ++k) {
        const Level& level = held_out.level[k];
        counts.emplace_back(level.size(), 0), found.assign(level.size(), nowhere);
        if (k < seen.order()) {
            Reading<Word> first(level.first), seen_first(seen.level[k].first);
            Reading<std::uint32_t> seen_count(seen.level[k].count);
            std::uint64_t at = 0, i = 0;
            const auto match = [&](std::uint64_t ours, std::uint64_t theirs) {
                Word word = 0;
                std::uint32_t count = 0;
                bool fresh = true;
                for (; ours; --ours, ++i) {
                    const Word wanted = first.next();
                    while (theirs && (fresh || word < wanted)) word = seen_first.next(), count = seen_count.next(), ++at, --theirs, fresh = false;
                    if (!fresh && word == wanted) counts[k][i] = count, found[i] = at - 1;
                }
                seen_first.skip(theirs), seen_count.skip(theirs), at += theirs;
            };
            if (k == 0) {
                match(level.size(), seen.level[0].size());
            } else {
                Reading<std::uint32_t> below(held_out.level[k - 1].children), seen_below(seen.level[k - 1].children);
                std::uint64_t parent = 0;
                for (std::uint64_t s = 0; s < held_out.level[k - 1].size(); ++s) {
                    watch.now_and_then("look up", s, held_out.level[k - 1].size());
                    std::uint32_t theirs = 0;
                    if (places[s] != nowhere) {
                        for (; parent < places[s]; ++parent) {
                            const std::uint32_t passed = seen_below.next();
                            seen_first.skip(passed), seen_count.skip(passed), at += passed;
                        }
                        theirs = seen_below.next(), ++parent;
                    }
                    match(below.next(), theirs);
                }
            }
        }
        places.swap(found);
    }
    return counts;
}

}  // namespace

std::vector<std::vector<double>> fit_weights(const Levels& seen, const Levels& held_out, int buckets, const Watch& watch) {
    const std::vector<std::vector<std::uint32_t>> counts = look_up(seen, held_out, watch);
    std::uint64_t total = 0;
    Reading<std::uint32_t> words(seen.level[0].count);
    for (Word word = 0; word < seen.level[0].size(); ++word) {
        const std::uint32_t count = words.next();
        total += word == begin ? 0 : count;
    }
    const auto bucket_of = [&](std::uint64_t count) { return count ? std::min(std::ilogb(double(count)), buckets - 1) : -1; };
    std::vector<std::vector<Evidence>> evidence(held_out.order());
    for (int k = 0; k < held_out.order(); ++k) {
        const Level& level = held_out.level[k];
        const bool last = k + 1 == held_out.order();
        Reading<Word> first(level.first);
        Reading<std::uint32_t> count(level.count), prefix(level.prefix);
        const Column<std::uint32_t> none;
        Reading<std::uint32_t> below(k ? held_out.level[k - 1].children : none);
        std::uint32_t parent = 0, left = k ? below.next() : 0;
        for (std::uint64_t i = 0; i < level.size(); ++i) {
            while (k && left == 0) left = below.next(), ++parent;
            left -= k > 0;
            const Word word = first.next();
            const std::uint32_t times = count.next();
            const std::uint64_t context = k ? counts[k - 1][prefix.next()] : total;
            evidence[k].push_back({parent, (last || word == begin) && !(k == 0 && word == begin) ? times : 0,
                                   context ? float(double(counts[k][i]) / double(context)) : 0.0f, bucket_of(context)});
        }
    }
    std::vector<std::vector<double>> weights(seen.order(), std::vector<double>(buckets, 0.5));
    const double lowest = 1 / double(held_out.level[0].size() - 1);
    double before = -HUGE_VAL;
    for (int round = 0; round < rounds; ++round) {
        watch("weigh", round, rounds);
        std::vector<std::vector<double>> stopped(seen.order(), std::vector<double>(buckets, 0)), reached = stopped;
        double log_likelihood = 0;
        for (int k = 0; k < held_out.order(); ++k)
            for (const Evidence& whole : evidence[k]) {
                if (whole.count == 0) continue;
                const Evidence* path[most_order];
                const Evidence* at = &whole;
                for (int j = k; j >= 0; --j) path[j] = at, at = j ? &evidence[j - 1][at->parent] : at;
                double p[most_order + 1] = {lowest};
                for (int j = 0; j <= k; ++j) {
                    const double weight = path[j]->bucket < 0 ? 0 : weights[j][path[j]->bucket];
                    p[j + 1] = weight * path[j]->likelihood + (1 - weight) * p[j];
                }
                log_likelihood += whole.count * std::log(p[k + 1]);
                double reach = 1;
                for (int j = k; j >= 0; --j) {
                    if (path[j]->bucket < 0) continue;
                    const double stop = reach * weights[j][path[j]->bucket] * path[j]->likelihood / p[j + 1];
                    stopped[j][path[j]->bucket] += whole.count * stop, reached[j][path[j]->bucket] += whole.count * reach;
                    reach -= stop;
                }
            }
        for (std::size_t k = 0; k < weights.size(); ++k)
            for (int bucket = 0; bucket < buckets; ++bucket)
                if (reached[k][bucket] > 0) weights[k][bucket] = std::min(stopped[k][bucket] / reached[k][bucket], most);
        if (log_likelihood - before <= enough * std::abs(log_likelihood)) break;
        before = log_likelihood;
    }
    return weights;
}

}  // namespace ostinato::ngram

#include "ngram/build/levels.hpp"

#include <algorithm>
#include <thread>

namespace ostinato::ngram {

Building::Building(const Store& store, int order, Word words) : words_(words) {
    levels_.store = store;
    for (int k = 0; k < order; ++k)
        levels_.level.push_back({Column<Word>(store), Column<std::uint32_t>(store), Column<std::uint32_t>(store), {}, {}, {}});
}

void Building::reserve(const std::vector<std::uint64_t>& sizes) {
    for (std::size_t k = 0; k < sizes.size(); ++k) {
        levels_.level[k].first.reserve(sizes[k]), levels_.level[k].count.reserve(sizes[k]);
        levels_.level[k].children.reserve(sizes[k]);
    }
}

void Building::close_to(int depth) {
    for (; depth_ > depth; --depth_) {
        Level& level = levels_.level[depth_ - 1];
        const Open& open = open_[depth_ - 1];
        if (depth_ == 1)  // words that do not occur are entries too
            while (level.first.size() < open.word) level.first.push(Word(level.first.size())), level.children.push(0), level.count.push(0);
        level.first.push(open.word), level.children.push(open.children), level.count.push(open.count);
    }
}

void Building::add(const Word* reversed, int length, int shared, std::uint32_t count) {
    close_to(shared);
    for (int k = 0; k < shared; ++k) open_[k].count += count;
    for (; depth_ < length; ++depth_) {
        if (depth_) ++open_[depth_ - 1].children;
        open_[depth_] = {reversed[depth_], 0, count};
    }
}

Levels Building::finish() {
    close_to(0);
    Level& words = levels_.level[0];
    while (words.first.size() < words_) words.first.push(Word(words.first.size())), words.children.push(0), words.count.push(0);
    while (levels_.order() > 1 && levels_.level.back().first.size() == 0) levels_.level.pop_back();
    for (Level& level : levels_.level) level.first.finish(), level.children.finish(), level.count.finish();
    levels_.level.back().children = {};
    return std::move(levels_);
}

std::vector<CountsOfCounts> counts_of_counts(const Levels& levels, const Watch& watch) {
    std::vector<CountsOfCounts> result(levels.order());
    bool path = true;  // whether the last entry is the end of the last word's n-gram
    for (int k = 0; k < levels.order(); ++k) {
        const Level& level = levels.level[k];
        const bool last = k + 1 == levels.order();
        Reading<Word> first(level.first);
        Reading<std::uint32_t> count(level.count), children(level.children);
        for (std::uint64_t i = 0; i < level.size(); ++i) {
            watch.now_and_then("count counts", i, level.size());
            const Word word = first.next();
            const std::uint32_t seen = count.next(), below = last ? 0 : children.next();
            const bool final = path && i + 1 == level.size();
            const std::uint32_t adjusted = last || word == begin || final ? seen : below;
            if (final) path = below > 0;
            if (k == 0 && word == begin) continue;
            if (seen < 7) ++result[k].seen[seen];
            if (adjusted < 7) ++result[k].adjusted[adjusted];
        }
    }
    return result;
}

int parts(const Store& store) { return store.disk ? 1 : int(std::clamp(std::thread::hardware_concurrency(), 1u, 16u)); }

std::vector<Share> shares(const Level& level, int count) {
    std::vector<Share> result;
    if (count > 1) {
        std::uint64_t total = 0, below = 0, from = 0, from_below = 0;
        const std::uint32_t* children = level.children.data();
        for (std::uint64_t i = 0; i < level.size(); ++i) total += 1 + children[i];
        for (std::uint64_t i = 0; i < level.size(); ++i) {
            below += children[i];
            if ((below + i + 1) * count >= total * (result.size() + 1))
                result.push_back({from, i + 1, from_below}), from = i + 1, from_below = below;
        }
        if (from < level.size()) result.push_back({from, level.size(), from_below});
    } else {
        result.push_back({0, level.size(), 0});
    }
    return result;
}

namespace {

// For the children of each of [from, to) of a level: where they stand in the next.
std::vector<std::uint32_t> starts_of(Reading<std::uint32_t>& children, std::uint64_t& place, std::uint64_t room, std::uint64_t left) {
    std::vector<std::uint32_t> starts{std::uint32_t(place)};
    for (const std::uint64_t first = place; left && starts.size() + (place - first) < room; --left)
        place += children.next(), starts.push_back(std::uint32_t(place));
    return starts;
}

// The prefixes of w1 ... wk: below w2 ... wk hang some w1, and below its prefix w2 ... wk-1 hang the same ones and more.
void find(const Level& middles, const Level& parents, Level& level, std::uint64_t memory, const Watch& watch) {
    Reading<std::uint32_t> middle_children(middles.children);
    std::uint64_t place = 0;
    const std::vector<Share> all = shares(parents, parts({level.prefix.on_disk(), "", 0}));
    for (std::uint64_t low = 0; low < middles.size();) {
        const std::uint64_t from = place, room = level.prefix.on_disk() ? memory / 8 : ~std::uint64_t(0);
        const std::vector<std::uint32_t> starts = starts_of(middle_children, place, room, middles.size() - low);
        const std::uint64_t high = low + starts.size() - 1;
        std::vector<Word> kept;
        const Word* const firsts = parents.first.window(from, place, kept);  // the first of them is entry `from`
        in_parallel(int(all.size()), [&](int number) {
            const Share share = all[number];
            Reading<std::uint32_t> prefix(parents.prefix, share.from), children(parents.children, share.from);
            Reading<Word> first(level.first, share.below);
            Writing<std::uint32_t> found(level.prefix, share.below);
            for (std::uint64_t s = share.from; s < share.to; ++s) {
                watch.now_and_then("link", s - share.from, share.to - share.from);
                const std::uint32_t far = prefix.ahead(32), near = prefix.ahead(16);
                if (far >= low && far < high) __builtin_prefetch(starts.data() + (far - low));
                if (near >= low && near < high) __builtin_prefetch(firsts + (starts[near - low] - from));
                const std::uint32_t middle = prefix.next(), count = children.next();
                if (middle < low || middle >= high) {
                    first.skip(count), found.skip(count);
                    continue;
                }
                const Word* at = firsts + (starts[middle - low] - from);
                const Word* const stop = firsts + (starts[middle - low + 1] - from);
                for (std::uint32_t i = 0; i < count; ++i) {
                    const Word word = first.next();
                    // In strides that double, for there may be many more of them than of ours.
                    std::ptrdiff_t stride = 1;
                    while (stop - at > stride && at[stride] <= word) at += stride, stride *= 2;
                    at = std::lower_bound(at, std::min(at + stride, stop), word);
                    found.next() = std::uint32_t(from + std::uint64_t(at - firsts));
                }
            }
            found.finish();
        });
        low = high;
    }
}

}  // namespace

void link(Levels& levels, std::uint64_t memory, const Watch& watch) {
    for (int k = 1; k < levels.order(); ++k) {
        Level& level = levels.level[k];
        if (k > 1) {
            level.prefix = Column<std::uint32_t>(levels.store, level.size());
            find(levels.level[k - 2], levels.level[k - 1], level, memory, watch);
            continue;
        }
        level.prefix = Column<std::uint32_t>(levels.store);
        level.prefix.reserve(level.size());
        Reading<Word> first(level.first);
        for (std::uint64_t i = 0; i < level.size(); ++i) level.prefix.push(first.next());
        level.prefix.finish();
    }
}

Levels kept(Levels&& levels, const Watch& watch) {
    Levels result{levels.store, {}};
    for (int k = 0; k < levels.order(); ++k) {
        Level& level = levels.level[k];
        const bool last = k + 1 == levels.order();
        Level chosen{Column<Word>(levels.store), Column<std::uint32_t>(levels.store), {}, {}, Column<float>(levels.store),
                     Column<float>(levels.store)};
        Reading<Word> first(level.first);
        Reading<float> probability(level.probability), backoff(level.backoff);
        Reading<std::uint32_t> children(level.children);
        const Column<float> none;
        Reading<float> below(last ? none : levels.level[k + 1].probability);
        for (std::uint64_t i = 0; i < level.size(); ++i) {
            watch.now_and_then("drop", i, level.size());
            std::uint32_t count = 0;
            for (std::uint32_t j = last ? 0 : children.next(); j; --j) count += below.next() >= 0;
            const Word word = first.next();
            const float p = probability.next(), weight = last ? 1 : backoff.next();
            if (p >= 0) chosen.first.push(word), chosen.children.push(count), chosen.probability.push(p), chosen.backoff.push(weight);
        }
        chosen.first.finish(), chosen.children.finish(), chosen.probability.finish(), chosen.backoff.finish();
        if (k && chosen.first.size() == 0) break;
        result.level.push_back(std::move(chosen));
        if (k) levels.level[k - 1] = {};
    }
    result.level.back().children = {}, result.level.back().backoff = {};
    return result;
}

}  // namespace ostinato::ngram

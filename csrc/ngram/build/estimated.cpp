#include "ngram/build/estimated.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace ostinato::ngram {

namespace {

constexpr std::uint64_t grams_a_block = 1 << 14;

float log_of(float factor) { return factor > 0 ? float(std::log10(double(factor))) : log_zero; }
float factor_of(float log) { return log <= log_zero ? 0 : float(std::pow(10.0, double(log))); }

class Walk final : public Stream {
   public:
    Walk(const Levels& levels, int order, bool numbers)
        : order_(order), numbers_(numbers), left_(levels.level[order - 1].size()), backed_(order < levels.order()),
          probability_(levels.level[order - 1].probability), backoff_(levels.level[order - 1].backoff) {
        for (int k = 0; k < order; ++k) first_.emplace_back(levels.level[k].first), children_.emplace_back(levels.level[k].children);
    }

    bool next(Block& block) override {
        const std::size_t count = std::size_t(std::min(left_, grams_a_block));
        block.words.resize(count * order_), block.log_prob.resize(count), block.backoff.resize(backed_ ? count : 0);
        for (std::size_t i = 0; i < count; ++i) {
            step(order_ - 1);
            for (int k = 0; k < order_; ++k) block.words[i * order_ + k] = word_[order_ - 1 - k];
        }
        left_ -= count;
        if (!numbers_) return count > 0;
        for (float& log_prob : block.log_prob) log_prob = log_of(probability_.next());
        for (float& backoff : block.backoff) backoff = log_of(backoff_.next());
        return count > 0;
    }

   private:
    // To the next entry of level k, and to the entries that it hangs below.
    void step(int k) {
        if (k) {
            while (below_[k - 1] == 0) step(k - 1);
            --below_[k - 1];
        }
        word_[k] = first_[k].next();
        if (k + 1 < order_) below_[k] = children_[k].next();
    }

    const int order_;
    const bool numbers_;
    std::uint64_t left_;
    const bool backed_;
    std::vector<Reading<Word>> first_;
    std::vector<Reading<std::uint32_t>> children_;
    Reading<float> probability_, backoff_;
    std::array<Word, most_order> word_{};
    std::array<std::uint32_t, most_order> below_{};
};

std::unique_ptr<Stream> opened(const Levels& levels, int n, bool numbers) {
    if (n < 1 || n > levels.order()) throw std::invalid_argument("there are no n-grams of order " + std::to_string(n));
    return std::make_unique<Walk>(levels, n, numbers);
}

}  // namespace

std::unique_ptr<Stream> Estimated::open(int n) { return opened(levels_, n, true); }
std::unique_ptr<Stream> Estimated::open_words(int n) { return opened(levels_, n, false); }

Levels levels_of(Grams& grams, const Store& store, const Watch& watch) {
    Levels levels{store, {}};
    for (int n = 1; n <= grams.order(); ++n) {
        const bool last = n == grams.order();
        Level level{Column<Word>(store), {}, {}, {}, Column<float>(store), Column<float>(store)};
        if (!last) level.children = Column<std::uint32_t>(store, grams.count(n));
        Column<std::uint32_t> none;
        Writing<std::uint32_t> children(n > 1 ? levels.level[n - 2].children : none);
        const std::unique_ptr<Stream> stream = grams.open(n), suffixes = n > 1 ? grams.open(n - 1) : nullptr;
        Block block, suffix;
        std::size_t at = 0;
        std::uint32_t* below = nullptr;
        // To the entry of the order before that these words are, the next or one behind it.
        const auto move_to = [&](const Word* words) {
            while (below == nullptr || !std::equal(words, words + n - 1, suffix.words.data() + (at - 1) * std::size_t(n - 1))) {
                if (at == suffix.count() && (at = 0, !suffixes->next(suffix)))
                    throw std::invalid_argument("an n-gram of order " + std::to_string(n) + " has no suffix in its model");
                ++at, below = &children.next();
            }
        };
        while (stream->next(block)) {
            watch("read", level.first.size(), grams.count(n));
            for (std::size_t i = 0; i < block.count(); ++i) {
                const Word* const words = block.words.data() + i * std::size_t(n);
                if (n > 1) move_to(words + 1), ++*below;
                level.first.push(words[0]), level.probability.push(factor_of(block.log_prob[i]));
                if (!last) level.backoff.push(factor_of(block.backoff[i]));
            }
        }
        children.finish();
        level.first.finish(), level.probability.finish(), level.backoff.finish();
        levels.level.push_back(std::move(level));
    }
    return levels;
}

}  // namespace ostinato::ngram

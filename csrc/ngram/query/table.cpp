#include "ngram/query/table.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <utility>

namespace ostinato::ngram {

// Where each n-gram of one order stands, by its words.
class Table::Index {
   public:
    static constexpr std::uint32_t none = ~std::uint32_t(0);

    Index(const Order& order, int n) : order_(order), n_(n) {
        std::size_t slots = 16;
        while (slots < 2 * order.count()) slots *= 2;
        rebuild(slots);
    }

    // The n-gram's place, or `none`.
    std::uint32_t find(const Word* words) const { return slots_[slot(words)]; }

    // For an n-gram that was put at the order's end; the place of one that was there already, or `none`.
    std::uint32_t insert(std::uint32_t at) {
        if (2 * (held_ + 1) > slots_.size()) rebuild(2 * slots_.size(), at);
        std::uint32_t& place = slots_[slot(words(at))];
        if (place != none) return place;
        ++held_;
        place = at;
        return none;
    }

   private:
    const Word* words(std::uint32_t at) const { return order_.words.data() + std::size_t(at) * n_; }

    void rebuild(std::size_t slots) { rebuild(slots, std::uint32_t(order_.count())); }
    void rebuild(std::size_t slots, std::uint32_t count) {
        slots_.assign(slots, none), held_ = 0;
        for (std::uint32_t at = 0; at < count; ++at) {
            std::uint32_t& place = slots_[slot(words(at))];
            if (place == none) ++held_, place = at;
        }
    }

    std::size_t slot(const Word* wanted) const {
        std::uint64_t hash = 0;
        for (int i = 0; i < n_; ++i) {
            hash = (hash ^ wanted[i]) * 0x9e3779b97f4a7c15ull;
            hash ^= hash >> 29;
        }
        const std::size_t mask = slots_.size() - 1;
        for (std::size_t at = (hash ^ (hash >> 32)) & mask;; at = (at + 1) & mask)
            if (slots_[at] == none || std::equal(wanted, wanted + n_, words(slots_[at]))) return at;
    }

    const Order& order_;
    int n_;
    std::size_t held_ = 0;
    std::vector<std::uint32_t> slots_;
};

class Table::Reading final : public Stream {
   public:
    Reading(const Order& order, int n) : order_(order), n_(n) {}
    bool next(Block& block) override {
        const std::size_t count = std::min<std::size_t>(order_.count() - at_, 1 << 14);
        if (!count) return false;
        const auto part = [&](const auto& from, auto& to, std::size_t each) {
            to.assign(from.begin() + std::ptrdiff_t(at_ * each), from.begin() + std::ptrdiff_t((at_ + count) * each));
        };
        part(order_.words, block.words, std::size_t(n_)), part(order_.log_prob, block.log_prob, 1);
        part(order_.backoff, block.backoff, 1);
        at_ += count;
        return true;
    }

   private:
    const Order& order_;
    int n_;
    std::size_t at_ = 0;
};

Table::Table(int order, std::vector<std::string> vocabulary, Facts facts)
    : orders_(std::size_t(order)), vocabulary_(std::move(vocabulary)), facts_(std::move(facts)) {}

void Table::add(int n, const Word* words, float log_prob, float backoff) {
    Order& order = orders_[n - 1];
    if (order.count() >= Index::none) throw std::length_error("there are more than 2^32 n-grams of one order");
    order.words.insert(order.words.end(), words, words + n);
    order.log_prob.push_back(log_prob), order.backoff.push_back(backoff);
}

std::string Table::text(int n, const Word* words) const {
    std::string joined;
    for (int i = 0; i < n; ++i) joined += (i ? " " : "") + vocabulary_[words[i]];
    return joined;
}

void Table::finish(bool whole) {
    if (!whole) complete();
    for (int n = 2; n <= order(); ++n) sort(n);
}

void Table::complete() {
    for (int n = order(); n >= 1; --n) {
        Index index(orders_[n - 1], n);
        const Order& order = orders_[n - 1];
        for (std::uint32_t at = 0; n > 1 && at < order.count(); ++at)  // what is there twice is held once
            if (index.find(&order.words[std::size_t(at) * n]) != at)
                throw std::invalid_argument("the n-gram '" + text(n, &order.words[std::size_t(at) * n]) + "' is there twice");
        if (n < this->order()) close(n + 1, index);
    }
    for (int n = 2; n < order(); ++n)
        if (orders_[n - 1].added) fill(n, Index(orders_[n - 2], n - 1));
}

// Adds the suffixes and prefixes of order n's that the order below lacks.
void Table::close(int n, Index& below) {
    Order& lower = orders_[n - 2];
    const std::vector<Word>& words = orders_[n - 1].words;
    for (std::size_t at = 0; at < words.size(); at += std::size_t(n))
        for (const Word* part : {&words[at] + 1, &words[at]}) {
            if (below.find(part) != Index::none) continue;
            add(n - 1, part, std::numeric_limits<float>::quiet_NaN(), 0);
            below.insert(std::uint32_t(lower.count() - 1));
            ++lower.added;
        }
}

void Table::fill(int n, const Index& below) {
    Order& order = orders_[n - 1];
    const Order& lower = orders_[n - 2];
    for (std::size_t at = order.count() - order.added; at < order.count(); ++at) {
        const Word* words = &order.words[at * n];
        order.log_prob[at] = std::min(0.f, lower.backoff[below.find(words)] + lower.log_prob[below.find(words + 1)]);
    }
}

void Table::sort(int n) {
    Order& order = orders_[n - 1];
    const std::size_t count = order.count(), V = vocabulary_.size();
    const auto before = [&](std::uint32_t a, std::uint32_t b) {
        const Word *x = &order.words[std::size_t(a) * n], *y = &order.words[std::size_t(b) * n];
        for (int i = n; i-- > 0;)
            if (x[i] != y[i]) return x[i] < y[i];
        return false;
    };
    std::size_t sorted = 1;
    while (sorted < count && before(std::uint32_t(sorted - 1), std::uint32_t(sorted))) ++sorted;
    if (sorted >= count) return;
    std::vector<std::uint32_t> places(count);
    std::iota(places.begin(), places.end(), 0);
    if (count < V) {
        std::sort(places.begin(), places.end(), before);
    } else {  // by the first word, then by the second, each time leaving equal ones as they are
        std::vector<std::uint32_t> next(count);
        std::vector<std::size_t> begins(V + 1);
        for (int i = 0; i < n; ++i) {
            std::fill(begins.begin(), begins.end(), 0);
            for (std::size_t at = 0; at < count; ++at) ++begins[order.words[at * n + i] + 1];
            std::partial_sum(begins.begin(), begins.end(), begins.begin());
            for (const std::uint32_t at : places) next[begins[order.words[std::size_t(at) * n + i]]++] = at;
            places.swap(next);
        }
    }
    const auto permute = [&](auto& values, std::size_t each) {
        std::remove_reference_t<decltype(values)> moved(values.size());
        for (std::size_t to = 0; to < count; ++to)
            std::copy_n(&values[places[to] * each], each, &moved[to * each]);
        values.swap(moved);
    };
    permute(order.words, std::size_t(n)), permute(order.log_prob, 1), permute(order.backoff, 1);
}

std::unique_ptr<Stream> Table::open(int n) { return std::make_unique<Reading>(orders_[n - 1], n); }

}  // namespace ostinato::ngram

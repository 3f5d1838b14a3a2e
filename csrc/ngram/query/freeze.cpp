#include "ngram/query/freeze.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <utility>
#include <vector>

#include "ngram/query/codebook.hpp"
#include "ngram/query/frozen.hpp"
#include "parallel.hpp"
#include "ngram/query/sections.hpp"
#include "ngram/query/sorter.hpp"

namespace ostinato::ngram {
namespace {

// Reached in any order, and so on large pages.
template <class T>
struct Large {
    using value_type = T;
    Large() = default;
    template <class U>
    Large(const Large<U>&) {}
    T* allocate(std::size_t count) { return static_cast<T*>(large_memory(count * sizeof(T))); }
    void deallocate(T* memory, std::size_t) { std::free(memory); }
    bool operator==(const Large&) const { return true; }
};
using Places = std::vector<std::uint32_t, Large<std::uint32_t>>;

// One n-gram after another of a stream.
class Cursor {
   public:
    Cursor(Grams& grams, int n, bool numbers = true) : stream_(numbers ? grams.open(n) : grams.open_words(n)), n_(std::size_t(n)) {}
    bool next() {
        if (++at_ < block_.count()) return ++number_, true;
        at_ = 0;
        do
            if (!stream_->next(block_)) return false;
        while (!block_.count());
        if (block_.words.size() != n_ * block_.count()) throw std::invalid_argument("a block of n-grams has too few words");
        return ++number_, true;
    }
    const Word* words() const { return &block_.words[at_ * n_]; }
    float log_prob() const { return block_.log_prob[at_]; }
    float backoff() const { return block_.backoff.empty() ? 0 : block_.backoff[at_]; }
    std::uint64_t number() const { return number_; }  // the first is 0

   private:
    std::unique_ptr<Stream> stream_;
    std::size_t n_;
    Block block_;
    std::size_t at_ = 0;
    std::uint64_t number_ = ~std::uint64_t(0);
};

struct Record {
    std::uint64_t key;   // the first word above; below, in as few bits, the place of the n-gram without it in its own order
    std::uint32_t from;  // its place in suffix order
    float log_prob, backoff;
};

// What of an order those above it ask for.
struct Order {
    Places begins;   // [count + 1]: its children's places in the next order
    Places links;    // [count]: the place of the n-gram without its first word, in the order before
    Places firsts;   // [words + 1]: where the n-grams begin whose first word is that or a later one
    Places places;   // [count]: its place, by that in suffix order
};

class Freezer {
   public:
    Freezer(Grams& grams, const std::string& path, const Freezing& how, const Watch& watch)
        : grams_(grams), how_(how), watch_(watch), file_(path), order_(grams.order()) {
        if (order_ < 1 || order_ > most_order) refuse("the order is " + std::to_string(order_) + "; it must be from 1 to 24");
        for (int n = 1; n <= order_; ++n)
            if (grams.count(n) >= ~std::uint32_t(0)) refuse("there are 2^32 n-grams or more of order " + std::to_string(n));
        std::memcpy(header_.magic, frozen::magic, sizeof(frozen::magic));
        header_.version = frozen::version, header_.order = std::uint32_t(order_);
        header_.value_bits = std::uint32_t(how.value_bits);
        header_.words = words_ = grams.vocabulary().size();
        for (int n = 1; n <= order_; ++n) header_.level[n - 1].count = grams.count(n);
    }

    void run() {
        file_.reserve(sizeof(header_));
        vocabulary();
        const Facts facts = grams_.facts();
        header_.smoothing = written(facts.smoothing.data(), facts.smoothing.size());
        header_.distribution = facts.distribution;
        // Only for three orders at once: those before, the one below, and the one that is written.
        Order before, below = unigrams(), now;
        for (int n = 2; n <= order_; ++n, before = std::move(below), below = std::move(now)) now = level(n, before, below);
        header_.bytes = file_.bytes();
        header_.checksum = frozen::checksum(header_);
        file_.write(0, &header_, sizeof(header_));
        file_.close_at_end();
    }

   private:
    [[noreturn]] static void refuse(const std::string& what) { throw std::invalid_argument(what); }

    frozen::Section written(const void* data, std::uint64_t bytes) {
        SectionWriter section(file_, bytes);
        section.add(data, bytes);
        return section.finish();
    }

    void vocabulary() {
        const std::vector<std::string>& words = grams_.vocabulary();
        if (words_ < 3 || words_ != header_.level[0].count) refuse("the unigrams are not one for each word of the vocabulary");
        std::string text;
        std::vector<std::uint32_t> ends;
        const frozen::Slots slots(words_);
        std::vector<std::uint32_t> table(slots.mask + 1, 0);
        for (std::uint64_t number = 0; number < words_; ++number) {
            const std::string& word = words[number];
            text += word, ends.push_back(std::uint32_t(text.size()));
            if (text.size() >= ~std::uint32_t(0)) refuse("the words of the vocabulary are longer together than 2^32 bytes");
            const std::uint64_t hash = frozen::Key(word, word.size()).hash;
            std::uint64_t at = hash & slots.mask;
            while (table[at]) at = (at + 1) & slots.mask;
            table[at] = slots.mark(hash) | std::uint32_t(number + 1);
        }
        header_.text = written(text.data(), text.size());
        header_.text_ends = written(ends.data(), ends.size() * sizeof(ends[0]));
        header_.slots = written(table.data(), table.size() * sizeof(table[0]));
    }

    float checked(float log_prob, float backoff, int n) const {
        // A rounding above 0 is let pass.
        if (!(log_prob <= 1e-5f) || std::isinf(log_prob) || !std::isfinite(backoff))
            refuse("an n-gram of order " + std::to_string(n) + " has the log-probability " + std::to_string(log_prob) +
                   " and the back-off " + std::to_string(backoff));
        return std::min(log_prob, 0.f);
    }

    // Their numbers are floats always: there are few, and all else rests on them.
    Order unigrams() {
        Order order;
        SectionWriter values(file_, words_ * (order_ > 1 ? 8 : 4));
        Cursor cursor(grams_, 1);
        std::uint64_t count = 0;
        for (; cursor.next(); ++count) {
            if (cursor.words()[0] != count || count >= words_) refuse("the unigrams are not in the order of their words' numbers");
            values.add(checked(cursor.log_prob(), cursor.backoff(), 1));
            if (order_ > 1) values.add(cursor.backoff());
        }
        if (count != words_) refuse("the unigrams are fewer than the words of the vocabulary");
        header_.level[0].values = values.finish();
        order.firsts.resize(words_ + 1);
        std::iota(order.firsts.begin(), order.firsts.end(), 0);
        order.places.resize(words_);
        std::iota(order.places.begin(), order.places.end(), 0);
        return order;
    }

    Order level(int n, const Order& before, Order& below) {
        frozen::Level& level = header_.level[n - 1];
        const bool last = n == order_, coded = how_.value_bits == 8;
        const std::string what = "freeze order " + std::to_string(n);
        std::unique_ptr<Codebook> books[2];
        for (int b = 0; coded && b < (last ? 1 : 2); ++b) books[b] = std::make_unique<Codebook>();
        Sorter<Record> sorter(level.count, how_.memory, how_.folder);
        collect(n, below, sorter, books, what);
        Places().swap(below.places);
        std::uint32_t widest = n == 2 ? std::uint32_t(words_) : 1;
        for (std::size_t i = 0; n > 2 && i + 1 < before.begins.size(); ++i)
            widest = std::max(widest, before.begins[i + 1] - before.begins[i]);
        level.rank_bits = std::max(1u, std::uint32_t(std::bit_width(widest - 1)));
        for (const auto& book : books)
            if (book) book->settle();

        Order order;
        if (!last) order.links.reserve(level.count), order.places.resize(level.count), order.firsts.assign(words_ + 1, 0);
        SectionWriter ranks(file_, (level.count * level.rank_bits + 7) / 8);
        SectionWriter values(file_, level.count * (coded ? 1 : 4) * (last ? 1 : 2));
        below.begins.reserve(header_.level[n - 2].count + 1);
        Places words;  // of order 2
        std::uint32_t written = 0;
        std::uint64_t context = 0, key = ~std::uint64_t(0);
        const int shift = link_bits(n);
        const auto end_of = [&](std::uint64_t c) { return n == 2 ? std::uint32_t(words_) : before.begins[below.links[c] + 1]; };
        const auto soon = [&](const Record& record) {
            if (!last) __builtin_prefetch(&order.places[record.from], 1);
        };
        sorter.drain(soon, [&](const Record& record) {
            if (record.key == key) refuse("an n-gram of order " + std::to_string(n) + " is there twice");
            key = record.key;
            const Word word = Word(key >> shift);
            const std::uint32_t link = std::uint32_t(key & ((std::uint64_t(1) << shift) - 1));
            // The contexts stand in the order in which those come that continue them.
            context = std::max<std::uint64_t>(context, below.firsts[word]);
            for (; context < below.firsts[word + 1] && end_of(context) <= link; ++context)
                if (n > 2 && context + 8 < below.links.size()) __builtin_prefetch(&before.begins[below.links[context + 8]]);
            const std::uint32_t begin = n == 2 ? 0 : context < below.firsts[word + 1] ? before.begins[below.links[context]] : ~0u;
            if (context >= below.firsts[word + 1] || link < begin)
                refuse("an n-gram of order " + std::to_string(n) + " is there without its prefix");
            if (below.begins.size() <= context) below.begins.resize(context + 1, written);
            ranks.add_bits(link - begin, level.rank_bits);
            if (n == 2) words.push_back(link);
            if (coded) {
                values.add(books[0]->nearest(record.log_prob));
                if (!last) values.add(books[1]->nearest(record.backoff));
            } else {
                values.add(record.log_prob);
                if (!last) values.add(record.backoff);
            }
            if (!last) order.links.push_back(link), order.places[record.from] = written, ++order.firsts[word + 1];
            ++written;
            watch_.now_and_then(what.c_str(), level.count + written, 2 * level.count);
        });
        below.begins.resize(header_.level[n - 2].count + 1, written);
        if (!last) std::partial_sum(order.firsts.begin(), order.firsts.end(), order.firsts.begin());
        level.ranks = ranks.finish(), level.values = values.finish();
        if (n == 2) {
            const std::vector<std::uint16_t> dealt = posts(words, below.begins);
            level.posts = this->written(dealt.data(), dealt.size() * sizeof(dealt[0]));
        }
        if (coded) {
            SectionWriter codes(file_, 2 * Codebook::size * sizeof(float));
            for (const auto& book : books) codes.add((book ? book->codes() : std::array<float, Codebook::size>{}));
            level.codes = codes.finish();
        }
        links(header_.level[n - 2], below.begins);
        return order;
    }

    int link_bits(int n) const { return int(std::bit_width(header_.level[n - 2].count)); }

    // Into the sorter, with the place in the order below of the n-gram without its first word.
    void collect(int n, const Order& below, Sorter<Record>& sorter, std::unique_ptr<Codebook> (&books)[2], const std::string& what) {
        Cursor cursor(grams_, n), suffix(grams_, n - 1, false);
        const std::uint64_t count = header_.level[n - 1].count;
        const int shift = link_bits(n);
        bool there = suffix.next();
        const auto reads = [&](const Word* words) { return std::equal(words, words + n - 1, suffix.words()); };
        std::uint64_t found = 0;
        for (; cursor.next(); ++found) {
            const Word* words = cursor.words();
            while (there && !reads(words + 1)) there = suffix.next();
            if (!there || words[0] >= words_)
                refuse("the n-grams of order " + std::to_string(n) + " are not in suffix order, or one is there without its suffix");
            if (found >= count) refuse("there are more n-grams of order " + std::to_string(n) + " than were announced");
            const float log_prob = checked(cursor.log_prob(), cursor.backoff(), n);
            sorter.add({std::uint64_t(words[0]) << shift | below.places[suffix.number()], std::uint32_t(cursor.number()), log_prob, cursor.backoff()});
            if (books[0]) books[0]->see(log_prob);
            if (books[1]) books[1]->see(cursor.backoff());
            watch_.now_and_then(what.c_str(), found, 2 * count);
        }
        if (found != count) refuse("there are fewer n-grams of order " + std::to_string(n) + " than were announced");
    }

    // For the words after each word.
    std::vector<std::uint16_t> posts(const Places& ranks, const Places& begins) const {
        std::vector<std::uint16_t> dealt(ranks.size() / frozen::posts_each);
        for (std::size_t context = 0; context + 1 < begins.size(); ++context) {
            const std::uint32_t from = begins[context], to = begins[context + 1];
            if (to - from < frozen::posts_least) continue;
            const frozen::Posts of(from, to, std::uint32_t(words_));
            std::uint32_t before = 0;
            for (std::uint32_t post = 0; post < of.count; ++post) {
                while (before < to - from && ranks[from + before] >> of.rank_shift < post) ++before;
                dealt[of.first + post] = std::uint16_t(before >> of.shift);
            }
        }
        return dealt;
    }

    void links(frozen::Level& level, const Places& begins) {
        using frozen::Links, frozen::links_width, frozen::links_bits;
        const std::uint64_t blocks = (level.count + links_width - 1) / links_width;
        SectionWriter out(file_, blocks * sizeof(Links));
        std::vector<std::uint16_t> narrow;
        Places wide;
        for (std::uint64_t b = 0; b < blocks; ++b) {
            const auto begin = [&](int i) { return begins[std::min<std::uint64_t>(b * links_width + std::uint64_t(i), level.count)]; };
            Links block{begin(0), {0, 0, 0}};
            if (begin(links_width) - begin(0) + links_width <= links_bits) {
                for (int i = 0; i < links_width; ++i) {
                    const std::uint32_t bit = begin(i + 1) - begin(0) + std::uint32_t(i);
                    block.bits[bit / 32] |= 1u << bit % 32;
                }
            } else {
                const bool fits = begin(links_width) - begin(0) <= 0xffff;
                block.bits[0] = std::uint32_t((fits ? narrow.size() : wide.size()) / links_width * 2) + !fits;
                block.bits[1] = block.bits[2] = ~0u;
                for (int i = 1; i <= links_width; ++i)
                    fits ? narrow.push_back(std::uint16_t(begin(i) - begin(0))) : wide.push_back(begin(i) - begin(0));
            }
            out.add(block);
        }
        level.links = out.finish();
        level.narrow = written(narrow.data(), narrow.size() * sizeof(narrow[0]));
        level.wide = written(wide.data(), wide.size() * sizeof(wide[0]));
    }

    Grams& grams_;
    const Freezing& how_;
    const Watch& watch_;
    OutputFile file_;
    int order_;
    std::uint64_t words_ = 0;
    frozen::Header header_{};
};

}  // namespace

void freeze(Grams& grams, const std::string& path, const Freezing& how, const Watch& watch) {
    Freezer(grams, path, how, watch).run();
}

}  // namespace ostinato::ngram

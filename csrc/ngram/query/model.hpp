// Model: a frozen n-gram model, queried as it lies in its file. Many threads may use one at once.
//
// A damaged file is refused when it is opened, if its header is hit or its length is another; `verify` reads all of it.
// What is read from the rest is never trusted to be a place: a query of a damaged model answers nonsense, within bounds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "ngram/query/frozen.hpp"
#include "ngram/grams.hpp"
#include "ngram/query/table.hpp"

namespace ostinato::ngram {

// What is wrong with a file.
struct ModelError : std::invalid_argument {
    using std::invalid_argument::invalid_argument;
};

// Places of one order, from `begin` to before `end`.
struct Range {
    std::uint32_t begin = 0, end = 0;
    std::uint32_t size() const { return end - begin; }
};

// One order's n-grams. Reading of a place that is not below `count` is the caller's fault.
struct View {
    std::uint64_t count = 0;
    const std::uint8_t* ranks = nullptr;
    std::uint32_t rank_bits = 0;
    std::uint64_t rank_mask = 0;
    const std::uint8_t* values = nullptr;
    const float *log_probs = nullptr, *backoffs = nullptr;  // codes, where values are bytes
    std::uint32_t value_bytes = 8;
    bool last = false;
    const frozen::Links* links = nullptr;
    // Of crowded links, narrow ones and wide ones.
    struct Rows {
        const std::uint8_t* data = nullptr;
        std::uint64_t count = 0;
    } rows[2];
    const std::uint16_t* posts = nullptr;
    std::uint64_t below = 0;  // n-grams of the next order

    std::uint32_t rank(std::uint64_t place) const {
        const std::uint64_t bit = place * rank_bits;
        std::uint64_t piece;
        std::memcpy(&piece, ranks + (bit >> 3), 8);
        return std::uint32_t((piece >> (bit & 7)) & rank_mask);
    }
    float log_prob(std::uint64_t place) const {
        if (log_probs) return log_probs[values[last ? place : 2 * place]];
        return real(last ? place : 2 * place);
    }
    float backoff(std::uint64_t place) const {
        if (last) return 0;
        return backoffs ? backoffs[values[2 * place + 1]] : real(2 * place + 1);
    }
    // Of the n-grams that continue this one.
    Range children(std::uint64_t place) const {
        if (!links) return {};
        const frozen::Links& block = links[place / frozen::links_width];
        const int i = int(place % frozen::links_width);
        Range found;
        if (block.crowded()) {
            // Both kinds of rows in one way, for nobody could foretell which.
            const std::uint32_t row = block.bits[0] / 2, kind = block.bits[0] % 2, mask = kind ? ~0u : 0xffffu;
            if (row >= rows[kind].count) return {};
            const std::size_t width = 2 + 2 * kind;
            const std::uint8_t* const at = rows[kind].data + (std::size_t(row) * frozen::links_width + std::size_t(i)) * width;
            std::uint32_t begin, end;
            std::memcpy(&end, at, 4);
            std::memcpy(&begin, at - (i ? width : 0), 4);
            begin &= 0 - std::uint32_t(i != 0);  // before the first there is none
            found = {block.base + (begin & mask), block.base + (end & mask)};
        } else {
            const auto [before, at] = block.ones(i - 1);
            found = {block.base + std::uint32_t(before + 1 - i), block.base + std::uint32_t(at - i)};
        }
        if (found.begin > found.end || found.end > below) return {};  // of a damaged file
        return found;
    }
    // The part of a list where a rank can only be, not empty where the list is not.
    Range narrowed(Range list, std::uint32_t rank, std::uint32_t universe) const {
        if (!posts || list.size() < frozen::posts_least || rank >= universe) return list;
        const frozen::Posts of(list.begin, list.end, universe);
        const std::uint32_t post = rank >> of.rank_shift;
        const std::uint32_t from = std::min(std::uint32_t(posts[of.first + post]) << of.shift, list.size() - 1);
        std::uint32_t to = list.size();
        if (post + 1 < of.count) to = std::min(to, (std::uint32_t(posts[of.first + post + 1]) + 1) << of.shift);
        return {list.begin + from, list.begin + std::max(to, from + 1)};
    }
    void prefetch_rank(std::uint64_t place) const { __builtin_prefetch(ranks + place * rank_bits / 8); }
    void prefetch_links(std::uint64_t place) const { __builtin_prefetch(links + place / frozen::links_width); }
    void prefetch_rows(std::uint64_t place) const {
        const frozen::Links& block = links[place / frozen::links_width];
        if (block.crowded() && !(block.bits[0] & 1))
            __builtin_prefetch(rows[0].data + (std::uint64_t(block.bits[0] / 2) * frozen::links_width + place % frozen::links_width) * 2);
    }
    void prefetch_values(std::uint64_t place) const { __builtin_prefetch(values + place * value_bytes); }

   private:
    float real(std::uint64_t at) const {
        float value;
        std::memcpy(&value, values + 4 * at, 4);
        return value;
    }
};

// The n-grams that end where the context ends, the shortest first.
struct Context {
    int length = 0;
    Range children[most_order];
    float backoff[most_order];
};

class Model {
   public:
    // Throws std::system_error where the file cannot be read, and ModelError.
    static std::shared_ptr<const Model> open(const std::string& path);
    static std::shared_ptr<const Model> from_bytes(std::string bytes);
    ~Model();
    Model(const Model&) = delete;

    int order() const { return int(header_.order); }
    Word words() const { return Word(header_.words); }
    std::uint64_t count(int n) const { return header_.level[n - 1].count; }
    int value_bits() const { return int(header_.value_bits); }
    const View& view(int n) const { return views_[n - 1]; }
    Facts facts() const;
    std::string_view bytes() const { return {data_, bytes_}; }
    // Throws ModelError where a section is not as it was written.
    void verify() const;

    std::string_view word(Word number) const;
    // The word's number; `unknown` for one that is not there, and for the text of the three reserved ones.
    Word find(const frozen::Key& key) const;
    void prefetch(std::uint64_t hash) const { __builtin_prefetch(slots_ + (hash & slot_.mask)); }
    Word find(std::string_view text) const { return find(frozen::Key(text, text.size())); }

    // log10 p(word | context), and the context after it; `matched` is how long the longest n-gram is that ends with it.
    double extend(Context& context, Word word, int& matched) const;
    // log10 p(w | context) of every word [words()].
    void distribution(const Context& context, double* log10) const;
    // The model's n-grams, in suffix order, in memory.
    std::unique_ptr<Table> thaw() const;

   private:
    Model(const char* data, std::size_t bytes, bool mapped, std::string held);
    static std::shared_ptr<const Model> checked(Model* model);
    void read();
    const char* section(const frozen::Section& section, std::uint64_t bytes, const char* what) const;

    std::string held_;
    const char* data_;
    std::size_t bytes_;
    bool mapped_;
    frozen::Header header_{};
    View views_[most_order];
    frozen::Slots slot_{3};
    const std::uint32_t* slots_ = nullptr;
    const std::uint32_t* text_ends_ = nullptr;
    const char* text_ = nullptr;
};

}  // namespace ostinato::ngram

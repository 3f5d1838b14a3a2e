// Scorer: many words' log-probabilities at once.
//
// Whether the model has the k-gram that ends at a position depends on the (k - 1)-grams that end there and one before it, and
// on no other k-gram. So a stretch of text is looked up order by order, all positions of an order beside each other: no
// search waits for another, and the memory works on many at once.
#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <string_view>
#include <utility>
#include <vector>

#include "ngram/query/model.hpp"

namespace ostinato::ngram {

// Numbers that are nothing before they are written: memory is touched once.
template <class T>
struct Unset : std::allocator<T> {
    template <class U>
    struct rebind {
        using other = Unset<U>;
    };
    template <class U>
    void construct(U* at) noexcept {
        ::new (static_cast<void*>(at)) U;
    }
    template <class U, class... From>
    void construct(U* at, From&&... from) {
        ::new (static_cast<void*>(at)) U(std::forward<From>(from)...);
    }
};
template <class T>
using Numbers = std::vector<T, Unset<T>>;

// Of words, one after another.
struct Scores {
    Numbers<double> log10;
    Numbers<std::uint8_t> matched;  // how long the longest n-gram is that ends with the word
    Numbers<std::uint8_t> unknown;  // whether the model does not know the word
    void clear() { log10.clear(), matched.clear(), unknown.clear(); }
};

class Scorer {
   public:
    // What was pushed and is to be scored comes into `scores`, in order; all of it after `flush`.
    Scorer(const Model& model, Scores& scores);
    ~Scorer();
    // fresh: nothing before the word is its context, as nothing before <s> ever is.
    void push(Word word, bool fresh, bool scored);
    void flush();

   private:
    struct Work;
    void work();
    void level(int n);
    void values(int n);
    const Model& model_;
    Scores& scores_;
    std::unique_ptr<Work> work_;
};

// Sentences of a text.
struct TextScores {
    Scores scores;
    std::vector<std::uint64_t> ends;  // of each sentence that has one: how many words were scored up to there
    std::uint64_t blank = 0;          // lines without a word
};

// Each line that has a word is a sentence, scored after <s> and with its </s>; words stand between ASCII white space.
TextScores score_lines(const Model& model, std::string_view text, int threads);
// Each text is a sentence, whatever is in it; begin and end say whether it stands after <s> and whether </s> is scored.
TextScores score_texts(const Model& model, const std::vector<std::string_view>& texts, bool begins, bool ends, int threads);

}  // namespace ostinato::ngram

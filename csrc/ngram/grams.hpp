// What estimation gives, an ARPA file holds and a frozen model is made of: a back-off model's n-grams in order.
//
//     log p(w | c) = log_prob(c w)                         where the model has c w
//                    backoff(c) + log p(w | c without its first word)   where it has not
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace ostinato::ngram {

using Word = std::uint32_t;

inline constexpr int most_order = 24;
// Words by number: these three are always there, in this order, and the others follow in the vocabulary's own.
inline constexpr Word unknown = 0, begin = 1, end = 2;
// The ARPA format's logarithm of a probability or a weight of 0. A model of one order has no back-offs at all.
inline constexpr float log_zero = -99;

// Some n-grams of one order, one after another.
struct Block {
    // [count][order], each as it is read: w1 ... wn
    std::vector<Word> words;
    // [count], base 10; log_zero stands for the logarithm of 0. The last order has no back-off.
    std::vector<float> log_prob, backoff;
    std::size_t count() const { return log_prob.size(); }
};

// n-grams of one order in suffix order: by their last word, then by the one before it, and so on.
class Stream {
   public:
    virtual ~Stream() = default;
    // Fills `block` anew with what follows; false where nothing does.
    virtual bool next(Block& block) = 0;
};

// What is told of a model beside its numbers. A file keeps it; an ARPA file does not know it and gives the defaults.
struct Facts {
    // The smoothing as its registry names it, with its options, as one JSON table: {"name": "kneser_ney", ...}
    std::string smoothing;
    // False for scores that do not sum to one (stupid back-off, maximum likelihood): no perplexity is made of them.
    bool distribution = true;
};

// A model as streams, which may be open at once. Closed: with an n-gram its suffix (w2 ... wn) and its prefix
// (w1 ... wn-1) are there too. Every word is a unigram.
class Grams {
   public:
    virtual ~Grams() = default;
    virtual int order() const = 0;
    // Of order n, 1 <= n <= order()
    virtual std::uint64_t count(int n) const = 0;
    virtual std::unique_ptr<Stream> open(int n) = 0;
    // The same for who asks only for words: the numbers may be any.
    virtual std::unique_ptr<Stream> open_words(int n) { return open(n); }
    // Every word's text by its number, the three above included.
    virtual const std::vector<std::string>& vocabulary() const = 0;
    virtual Facts facts() const { return {}; }
};

}  // namespace ostinato::ngram

// Table: a back-off model's n-grams in memory, put in order whatever order they come in.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ngram/grams.hpp"

namespace ostinato::ngram {

class Table final : public Grams {
   public:
    Table(int order, std::vector<std::string> vocabulary, Facts facts = {});

    // words: w1 ... wn. Every word's unigram comes first, in the order of their numbers.
    void add(int n, const Word* words, float log_prob, float backoff);
    // Puts each order in suffix order and, unless the model is known to be whole, adds what is missing for it to be closed,
    // with the probability that it had without being there. Throws std::invalid_argument where an n-gram is there twice.
    void finish(bool whole = false);
    // How many n-grams of order n `finish` added.
    std::uint64_t added(int n) const { return orders_[n - 1].added; }

    int order() const override { return int(orders_.size()); }
    std::uint64_t count(int n) const override { return orders_[n - 1].log_prob.size(); }
    std::unique_ptr<Stream> open(int n) override;
    const std::vector<std::string>& vocabulary() const override { return vocabulary_; }
    Facts facts() const override { return facts_; }
    // An n-gram as a person reads it.
    std::string text(int n, const Word* words) const;

   private:
    struct Order {
        std::vector<Word> words;  // [count][n]
        std::vector<float> log_prob, backoff;
        std::uint64_t added = 0;
        std::size_t count() const { return log_prob.size(); }
    };
    class Reading;
    class Index;
    void complete();
    void sort(int n);
    void close(int n, Index& below);
    void fill(int n, const Index& below);

    std::vector<Order> orders_;
    std::vector<std::string> vocabulary_;
    Facts facts_;
};

}  // namespace ostinato::ngram

// Estimated: levels with probabilities, seen as n-grams in order; and back.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ngram/grams.hpp"
#include "ngram/build/levels.hpp"

namespace ostinato::ngram {

class Estimated final : public Grams {
   public:
    Estimated(Levels levels, std::vector<std::string> words, Facts facts)
        : levels_(std::move(levels)), words_(std::move(words)), facts_(std::move(facts)) {}
    int order() const override { return levels_.order(); }
    std::uint64_t count(int n) const override { return levels_.level.at(std::size_t(n - 1)).size(); }
    std::unique_ptr<Stream> open(int n) override;
    std::unique_ptr<Stream> open_words(int n) override;
    const std::vector<std::string>& vocabulary() const override { return words_; }
    Facts facts() const override { return facts_; }

   private:
    Levels levels_;
    std::vector<std::string> words_;
    Facts facts_;
};

// Any model's n-grams as levels, without counts.
Levels levels_of(Grams& grams, const Store& store, const Watch& watch);

}  // namespace ostinato::ngram

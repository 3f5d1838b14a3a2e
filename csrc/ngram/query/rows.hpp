// Rows: many contexts at once, each the words before, as search holds them.
#pragma once

#include <cstdint>

#include "ngram/query/model.hpp"

namespace ostinato::ngram {

// In the place of a word that is not there.
inline constexpr Word nothing = ~Word(0);

// histories [rows][order - 1]: each row's last words, `nothing` before them. After </s> comes what comes after <s>.
struct Histories {
    const Model& model;
    std::int64_t rows;
    const Word* words;
    int threads;
};

// log10 p(word | history) [rows][candidates] of words of the same shape.
void score_candidates(const Histories& histories, const Word* words, std::int64_t candidates, double* log10);
// log10 p(word | history) [rows][words()] of every word.
void distributions(const Histories& histories, double* log10);
// log10 p [rows][steps] of words of the same shape, each after those before it, and how long the longest n-gram is that ends
// with each, both 0 from each row's length on; and how many of each row's last words are its context afterwards.
void score_rows(const Histories& histories, const Word* words, std::int64_t steps, const std::int64_t* lengths, double* log10,
                std::uint8_t* matched, std::int64_t* contexts);

}  // namespace ostinato::ngram

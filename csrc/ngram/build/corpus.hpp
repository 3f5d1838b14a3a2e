// Corpus: sentences as words' numbers, <s> and </s> around each.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ngram/build/column.hpp"
#include "ngram/grams.hpp"
#include "ngram/vocabulary.hpp"

namespace ostinato::ngram {

// What becomes of <unk>, <s> and </s> in a text: an error; nothing; or <unk> is the unknown word and the others an error.
enum class Reserved { refuse, skip, unknown };

class Corpus {
   public:
    Corpus(const Store& store, Reserved reserved) : reserved_(reserved), tokens_(store) {}

    // From now on, words that are not known yet are the unknown word.
    void close_vocabulary() { closed_ = true; }
    // Throws std::invalid_argument for a word that cannot be one.
    Word add(std::string_view word);

    // Text as it comes, cut anywhere: words between ASCII whitespace, a sentence a line; lines without a word are counted
    // and dropped. Throws std::invalid_argument that names the line.
    void read(const char* text, std::size_t bytes);
    // The last line may lack its end. Lines are counted from 1 again.
    void end_of_file();
    // A sentence of numbers that `add` gave.
    void sentence(const Word* words, std::size_t count);

    // Every word but the `most` most frequent becomes the unknown word; of equally frequent ones the earlier stays.
    void limit(std::uint64_t most);
    void finish() { tokens_.finish(); }

    const Vocabulary& vocabulary() const { return vocabulary_; }
    const Column<Word>& tokens() const { return tokens_; }
    std::uint64_t sentences() const { return sentences_; }
    std::uint64_t blank_lines() const { return blank_; }
    std::uint64_t unknown_words() const { return unknown_; }
    std::uint64_t skipped_words() const { return skipped_; }

   private:
    void token(std::string_view word);
    void push(Word word);
    void end_of_line();

    const Reserved reserved_;
    Vocabulary vocabulary_;
    Column<Word> tokens_;
    std::string unfinished_;  // a word whose end has not come yet
    bool closed_ = false, inside_ = false;
    std::uint64_t line_ = 1, sentences_ = 0, blank_ = 0, unknown_ = 0, skipped_ = 0;
};

}  // namespace ostinato::ngram

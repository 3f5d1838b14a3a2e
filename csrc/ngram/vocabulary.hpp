// Vocabulary: words' numbers by their text, and back.
#pragma once

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "ngram/grams.hpp"

namespace ostinato::ngram {

inline constexpr const char* reserved_words[3] = {"<unk>", "<s>", "</s>"};

class Vocabulary {
   public:
    Vocabulary() {
        grow(1 << 10);
        for (const char* word : reserved_words) add(word);
    }
    const std::vector<std::string>& words() const { return words_; }
    Word size() const { return Word(words_.size()); }

    static constexpr Word none = ~Word(0);
    // The word's number, or `none`.
    Word find(std::string_view word) const { return slots_[place(word, hash(word))].number; }
    // The word's number, a new one for a new word.
    Word add(std::string_view word) {
        const std::uint64_t hashed = hash(word);
        std::size_t at = place(word, hashed);
        if (slots_[at].number != none) return slots_[at].number;
        if (words_.size() >= none - 1) throw std::length_error("the vocabulary has more than 2^32 words");
        if (2 * (words_.size() + 1) > slots_.size()) grow(2 * slots_.size()), at = place(word, hashed);
        slots_[at] = {std::uint32_t(hashed >> 32), Word(words_.size())};
        words_.emplace_back(word);
        return slots_[at].number;
    }

   private:
    struct Slot {
        std::uint32_t mark;  // the hash's upper half: most strangers differ in it
        Word number = none;
    };

    static std::uint64_t hash(std::string_view word) {
        std::uint64_t state = word.size() * 0x9e3779b97f4a7c15ull, piece = 0;
        const char* at = word.data();
        std::size_t left = word.size();
        for (; left >= 8; at += 8, left -= 8) std::memcpy(&piece, at, 8), state = mix(state ^ piece);
        piece = 0;
        std::memcpy(&piece, at, left);
        return mix(state ^ piece);
    }
    static std::uint64_t mix(std::uint64_t x) {
        x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93ull;
        x = (x ^ (x >> 29)) * 0xe7037ed1a0b428dbull;
        return x ^ (x >> 32);
    }
    std::size_t place(std::string_view word, std::uint64_t hashed) const {
        const std::size_t mask = slots_.size() - 1;
        for (std::size_t at = hashed & mask;; at = (at + 1) & mask) {
            const Slot& slot = slots_[at];
            if (slot.number == none || (slot.mark == std::uint32_t(hashed >> 32) && words_[slot.number] == word)) return at;
        }
    }
    void grow(std::size_t slots) {
        slots_.assign(slots, {});
        for (Word number = 0; number < words_.size(); ++number) {
            const std::uint64_t hashed = hash(words_[number]);
            slots_[place(words_[number], hashed)] = {std::uint32_t(hashed >> 32), number};
        }
    }

    std::vector<std::string> words_;
    std::vector<Slot> slots_;
};

}  // namespace ostinato::ngram

// Levels: the n-grams of every order in suffix order, as a trie that is read from the last word backwards.
//
// An entry of level k is a k-gram. It stores only its first word: the others are those of its suffix, the entry of level
// k - 1 below which it hangs, and the entries that hang below one stand together. So a level is read beside the ones
// before it, each once and in order.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "ngram/build/column.hpp"
#include "ngram/grams.hpp"
#include "parallel.hpp"
#include "ngram/watch.hpp"

namespace ostinato::ngram {

// A column that its level does not have is empty.
struct Level {
    Column<Word> first;               // the n-gram's first word
    Column<std::uint32_t> children;   // how many n-grams of the next order end with this one; not in the last level
    Column<std::uint32_t> count;      // how often it was seen
    Column<std::uint32_t> prefix;     // which n-gram of the order before is it without its last word; not in the first
    Column<float> probability;        // of its last word after the others; below 0: to be dropped
    Column<float> backoff;            // weight, as a factor; not in the last level
    std::uint64_t size() const { return first.size(); }
};

struct Levels {
    Store store;
    std::vector<Level> level;  // [order]: level[k - 1] has the k-grams; level[0] every word, in the order of their numbers
    int order() const { return int(level.size()); }
};

// Takes n-grams in suffix order, each of the highest order or beginning with <s>, and their counts.
class Building {
   public:
    Building(const Store& store, int order, Word words);
    void reserve(const std::vector<std::uint64_t>& sizes);
    // reversed[0] is the last word; `shared` says how many words from there are those of the n-gram before.
    void add(const Word* reversed, int length, int shared, std::uint32_t count);
    // Levels without n-grams are left out.
    Levels finish();

   private:
    struct Open {
        Word word;
        std::uint32_t children, count;
    };
    void close_to(int depth);
    Levels levels_;
    std::array<Open, most_order> open_{};
    int depth_ = 0;
    Word words_;
};

// How many entries of each count there are, from 1 to 6 (of Chen and Goodman's n1 to n4, and Good and Turing's n6), by
// level. Adjusted: how many different words stand before it, but how often it was seen for those of the last order and
// those that begin with <s>. The unigram <s> is left out. The very last n-gram of an order stands among the adjusted ones by
// how often it was seen: KenLM has it so, and discounts are to be its own to the last digit.
struct CountsOfCounts {
    std::array<std::uint64_t, 7> seen{}, adjusted{};
};
std::vector<CountsOfCounts> counts_of_counts(const Levels& levels, const Watch& watch);

// Finds each entry's prefix. Held in memory: what fits in `memory` bytes at a time.
void link(Levels& levels, std::uint64_t memory, const Watch& watch);

// The levels without what is marked to be dropped, nor columns `count` and `prefix`. Nothing that stays may hang below or
// go on from what is dropped.
Levels kept(Levels&& levels, const Watch& watch);

// Shares of a level's entries [from, to), as equal as may be in how many entries hang below; `below` is where the first
// of them stands in the next level.
struct Share {
    std::uint64_t from, to, below;
};
std::vector<Share> shares(const Level& level, int count);
// On disk there is one share: two could not write one block.
int parts(const Store& store);

template <class Body>
void in_parallel(int count, Body body) {
    run_parallel(count, [](void* context, int i) { (*static_cast<Body*>(context))(i); }, &body);
}

}  // namespace ostinato::ngram

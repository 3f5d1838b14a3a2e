// How a frozen model lies in its file: a header, and sections whose places it tells. Little-endian, no pointers.
//
// The n-grams of order k stand in the order of their words from the first on, so that those that continue one context
// stand together (its children). The place of "c w" tells w by its rank: which of the children of c' it stands for, with
// c' the context c without its first word. They are few where the context is long, and whoever looks w up after c has
// found it after c' before (compare Pibiri and Venturini, 2017, "Efficient data structures for massive n-gram datasets").
// Of order 1, a word's rank is its number.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "ngram/grams.hpp"

namespace ostinato::ngram::frozen {

static_assert(std::endian::native == std::endian::little, "a frozen model is mapped as it lies in the file");

inline constexpr char magic[16] = {'o', 's', 't', 'i', 'n', 'a', 't', 'o', ' ', 'n', '-', 'g', 'r', 'a', 'm', '\n'};
inline constexpr std::uint32_t version = 1;

struct Section {
    std::uint64_t offset, bytes, checksum;
};

struct Level {
    std::uint64_t count;
    std::uint32_t rank_bits, unused;
    Section ranks;     // [count] of rank_bits each, the lowest bit first; of order 1 there are none
    Section values;    // [count] of float log_prob and, but for the last order, backoff; or bytes that number them
    Section codes;     // float [2][256], where values are bytes
    Section links;     // [count / 32, rounded up] Links; not of the last order
    Section narrow;    // uint16 [][links_width]: of a crowded Links, where each one's children end, from `base` on
    Section wide;      // uint32, the same, where that is too little
    Section posts;     // uint16 [count / posts_each]: see Posts; of order 2 alone, whose lists are long
};

struct Header {
    char magic[16];
    std::uint32_t version, order;
    std::uint64_t bytes, checksum;  // of the file; of the header with 0 in this place
    std::uint32_t value_bits;       // 32 or 8
    std::uint32_t distribution;     // 1: the probabilities sum to one
    std::uint64_t words;
    Section text, text_ends;  // every word's text, one after another; uint32 [words]: where each ends
    Section slots;            // uint32 [a power of two]: see Slots
    Section smoothing;        // text
    Level level[most_order];
};

// Where the children of 32 n-grams begin: `base` is the first one's, and in the 96 bits stand for each n-gram as many zeros
// as it has children and a one. Where that does not fit, high words of ones only, which cannot be, and twice the row of
// `narrow`, or that of `wide` and one.
// Where the i-th one of a byte stands, i from 0.
inline constexpr auto place_in_byte = [] {
    std::array<std::array<std::uint8_t, 8>, 256> places{};
    for (unsigned byte = 0; byte < 256; ++byte)
        for (unsigned place = 0, i = 0; place < 8; ++place)
            if (byte >> place & 1) places[byte][i++] = std::uint8_t(place);
    return places;
}();

inline constexpr int links_width = 32, links_bits = 96;
struct Links {
    std::uint32_t base, bits[3];
    bool crowded() const { return bits[1] == ~0u && bits[2] == ~0u; }
    // Where the i-th one stands (0 is the first), and the one after it; links_bits or more where there are fewer. i may be -1.
    struct Ones {
        int at, next;
    };
    Ones ones(int i) const {
        const std::uint64_t low = bits[0] | std::uint64_t(bits[1]) << 32, high = bits[2];
        int at = -1;
        if (i >= 0) {
            std::uint64_t word = low;
            std::uint64_t sums = sums_of(word);
            if (i >= int(sums >> 56)) i -= int(sums >> 56), word = high, sums = sums_of(word), at = 63;
            // A byte's highest bit stays where up to its end there are no more than i.
            const std::uint64_t full = ((std::uint64_t(i) * 0x0101010101010101ull | 0x8080808080808080ull) - sums) & 0x8080808080808080ull;
            const int shift = int(((full >> 7) * 0x0101010101010101ull >> 56) * 8);
            if (shift == 64) return {links_bits, links_bits};
            at += 1 + shift + place_in_byte[(word >> shift) & 0xff][i - int((sums << 8 >> shift) & 0xff)];
        }
        const std::uint64_t after = at + 1 < 64 ? low >> (at + 1) : 0;
        if (after) return {at, at + 1 + std::countr_zero(after)};
        const int from = std::max(at + 1 - 64, 0);
        return {at, 64 + from + std::countr_zero(high >> from)};
    }

   private:
    // How many ones there are up to the end of each byte.
    static std::uint64_t sums_of(std::uint64_t word) {
        std::uint64_t sums = word - ((word >> 1) & 0x5555555555555555ull);
        sums = (sums & 0x3333333333333333ull) + ((sums >> 2) & 0x3333333333333333ull);
        return ((sums + (sums >> 4)) & 0x0f0f0f0f0f0f0f0full) * 0x0101010101010101ull;
    }
};

// Where in a long list of children a rank is to be looked for. The list [begin, end) has for itself the posts
// [ceil(begin / posts_each), end / posts_each) of all; ranks are dealt to them by their high bits, and each tells how many
// of the list's ranks are dealt to those before it, without the low bits that 16 have no room for.
inline constexpr std::uint32_t posts_each = 8, posts_least = 64;
struct Posts {
    std::uint32_t first, count, rank_shift, shift;
    // universe: one more than the greatest rank that could be
    Posts(std::uint32_t begin, std::uint32_t end, std::uint32_t universe)
        : first((begin + posts_each - 1) / posts_each),
          count(end / posts_each - first),
          rank_shift(std::uint32_t(std::max(0, int(std::bit_width(universe - 1)) - int(std::bit_width(count))))),
          shift(std::uint32_t(std::max(0, int(std::bit_width(end - begin)) - 16))) {
        rank_shift += ((universe - 1) >> rank_shift) >= count;
    }
};

// A word is looked for from slot hash % slots on. Each slot is 0 or holds 1 + the word's number in its low bits (as many
// as the greatest needs) and the high bits of its hash above them.
struct Slots {
    std::uint32_t number_bits;
    std::uint64_t mask;
    static std::uint64_t count(std::uint64_t words) {
        std::uint64_t slots = 16;
        while (slots * 3 < words * 4) slots *= 2;
        return slots;
    }
    explicit Slots(std::uint64_t words) : number_bits(std::uint32_t(std::bit_width(words))), mask(count(words) - 1) {}
    std::uint32_t number_mask() const { return number_bits >= 32 ? ~0u : (1u << number_bits) - 1; }
    std::uint32_t mark(std::uint64_t hash) const { return std::uint32_t(hash >> 32) & ~number_mask(); }
};

inline std::uint64_t mixed(std::uint64_t x) {
    x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93ull;
    return x ^ (x >> 32);
}

// The next 8 of `left` bytes as a number, 0 where there are fewer. safe: how many may be read there.
inline std::uint64_t eight(const char* at, std::size_t left, std::size_t safe) {
    std::uint64_t piece = 0;
    if (left < 8 && safe < 8) {
        std::memcpy(&piece, at, left);
        return piece;
    }
    std::memcpy(&piece, at, 8);
    return left < 8 ? piece & ((std::uint64_t(1) << (8 * left)) - 1) : piece;
}

// A word as it is looked for. head: its first 8 bytes.
struct Key {
    std::string_view text;
    std::uint64_t head, hash;
    Key() = default;
    // safe: how many bytes may be read from the text's first on.
    explicit Key(std::string_view word, std::size_t safe) : text(word), head(eight(word.data(), word.size(), safe)) {
        std::uint64_t state = word.size() * 0x9e3779b97f4a7c15ull;
        if (!word.empty()) state = mixed(state ^ head);
        for (std::size_t at = 8; at < word.size(); at += 8)
            state = mixed(state ^ eight(word.data() + at, word.size() - at, safe - at));
        hash = mixed(state);
    }
};

// Of bytes that come in pieces of whole 8 bytes, but for the last.
class Checksum {
   public:
    void add(const void* data, std::size_t bytes) {
        const char* from = static_cast<const char*>(data);
        std::uint64_t piece;
        for (; bytes >= 8; from += 8, bytes -= 8) std::memcpy(&piece, from, 8), step(piece);
        if (bytes) piece = 0, std::memcpy(&piece, from, bytes), step(piece);
    }
    std::uint64_t value() const { return mixed(state_); }

   private:
    void step(std::uint64_t piece) {
        state_ = (state_ ^ piece) * 0x9e3779b97f4a7c15ull;
        state_ ^= state_ >> 47;
    }
    std::uint64_t state_ = 0x6f7374696e61746full;
};

inline std::uint64_t checksum(Header header) {
    header.checksum = 0;
    Checksum sum;
    sum.add(&header, sizeof(header));
    return sum.value();
}

}  // namespace ostinato::ngram::frozen

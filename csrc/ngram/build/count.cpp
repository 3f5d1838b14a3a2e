#include "ngram/build/count.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <queue>
#include <utility>

#include "parallel.hpp"

namespace ostinato::ngram {

namespace {

struct Free {
    void operator()(void* memory) const { std::free(memory); }
};
template <class T>
using Memory = std::unique_ptr<T[], Free>;

template <class T>
Memory<T> memory_of(std::uint64_t count) {
    return Memory<T>(static_cast<T*>(large_memory((count + 1) * sizeof(T))));
}

// Some tokens in memory, and their places in suffix order: by the token that stands there, then by the one before it, and
// so on, back to the last <s> and over at most `order` tokens. The first `lead` tokens are there only to be looked back at.
struct Chunk {
    Memory<Word> tokens;
    Memory<std::uint32_t> places;
    std::uint32_t size = 0, lead = 0;
};

std::uint32_t next_of(std::uint32_t place, std::uint32_t size) { return place + 1 == size ? 0 : place + 1; }

// One stable distribution by the last token for each order: who stands behind a token that is in order of its k words comes
// into order of k + 1. Each part of the places before has its own heads, so that parts can be distributed at once.
void sort(Chunk& chunk, int order, Word words, const Watch& watch) {
    const Word* const tokens = chunk.tokens.get();
    const std::uint32_t size = chunk.size;
    const std::uint32_t of = size < (1u << 16) || words > size / 8 ? 1 : std::min<std::uint32_t>(parts({}), 4);
    chunk.places = memory_of<std::uint32_t>(size);
    Memory<std::uint32_t> before = memory_of<std::uint32_t>(size), nexts = memory_of<std::uint32_t>(size);
    std::vector<std::vector<std::uint32_t>> heads(of);
    for (std::uint32_t i = 0; i < size; ++i) before[i] = i ? i - 1 : size - 1;  // any order will do at first
    for (int k = 1; k <= order; ++k) {
        watch("sort", k, order);
        const auto from = [&](std::uint32_t part) { return std::uint32_t(std::uint64_t(size) * part / of); };
        // Who stands behind the last place of all is the first; a <s> has nothing before it that counts, so any order of
        // them is right, and who they are is what they are put behind.
        in_parallel(int(of), [&](int part) {
            heads[part].assign(words, 0);
            for (std::uint32_t i = from(part); i < from(part + 1); ++i) {
                __builtin_prefetch(tokens + next_of(before[std::min(i + 32, size - 1)], size));
                ++heads[part][nexts[i] = tokens[next_of(before[i], size)]];
            }
        });
        std::uint32_t start = 0;
        for (Word word = 0; word < words; ++word)
            for (std::uint32_t part = 0; part < of; ++part) start += std::exchange(heads[part][word], start);
        std::uint32_t* const to = chunk.places.get();
        in_parallel(int(of), [&](int part) {
            for (std::uint32_t i = from(part); i < from(part + 1); ++i) to[heads[part][nexts[i]]++] = next_of(before[i], size);
        });
        if (k < order) std::swap(chunk.places, before);
    }
}

// An n-gram from its last word back.
struct Gram {
    std::array<Word, most_order> reversed;
    int length = 0, shared = 0;
    std::uint32_t count = 0;
};

// Gives the different n-grams of a sorted chunk to `take`, in order.
template <class Take>
void grams_of(const Chunk& chunk, int order, const Watch& watch, Take take) {
    Gram gram, next;
    for (std::uint32_t i = 0; i < chunk.size; ++i) {
        watch.now_and_then("count", i, chunk.size);
        __builtin_prefetch(chunk.tokens.get() + chunk.places[std::min(i + 32, chunk.size - 1)]);
        const std::uint32_t place = chunk.places[i];
        if (place < chunk.lead) continue;
        const Word* const last = chunk.tokens.get() + place;
        next.length = 0;
        do next.reversed[next.length] = last[-next.length];
        while (next.reversed[next.length++] != begin && next.length < order);
        next.shared = 0;
        while (next.shared < next.length && next.shared < gram.length && gram.reversed[next.shared] == next.reversed[next.shared]) ++next.shared;
        if (next.shared == next.length && next.length == gram.length) {
            ++gram.count;
            continue;
        }
        if (gram.count) take(gram);
        std::swap(gram, next), gram.count = 1;
    }
    if (gram.count) take(gram);
}

// The corpus in chunks, the last tokens of one being the lead of the next.
class Chunks {
   public:
    Chunks(const Corpus& corpus, int order, const Chosen& chosen, std::uint64_t most)
        : corpus_(corpus), reading_(corpus.tokens()), chosen_(chosen), order_(std::uint32_t(order)),
          most_(std::uint32_t(std::min<std::uint64_t>(std::max<std::uint64_t>(most, 64), 0xf0000000u))) {}

    bool finished() const { return done_ == corpus_.tokens().size(); }
    bool next(Chunk& chunk) {
        if (finished()) return false;
        const std::uint64_t room = std::min<std::uint64_t>(most_, corpus_.tokens().size() - done_) + order_;
        Memory<Word> tokens = memory_of<Word>(room);
        const std::uint32_t lead = std::min(chunk.size, order_ - 1);
        std::copy_n(chunk.tokens.get() + (chunk.size - lead), lead, tokens.get());
        chunk.lead = chunk.size = lead;
        while (!finished() && chunk.size - lead < most_) {
            const Word word = reading_.next();
            ++done_, sentence_ += word == begin;
            if (chosen_.takes(sentence_ - 1)) tokens[chunk.size++] = word;
        }
        chunk.tokens = std::move(tokens);
        return true;
    }

   private:
    const Corpus& corpus_;
    Reading<Word> reading_;
    const Chosen chosen_;
    const std::uint32_t order_, most_;
    std::uint64_t done_ = 0, sentence_ = 0;
};

// N-grams in order in a file: how many words are those of the n-gram before, how many there are, the others, the count.
class Spilled {
   public:
    explicit Spilled(const Store& store) : bytes_(store) {}
    std::uint64_t size() const { return bytes_.size(); }
    void push(const Gram& gram) {
        bytes_.push(std::uint8_t(gram.shared)), bytes_.push(std::uint8_t(gram.length));
        for (int k = gram.shared; k < gram.length; ++k) number(gram.reversed[k]);
        number(gram.count);
    }
    void finish() { bytes_.finish(); }
    const Column<std::uint8_t>& bytes() const { return bytes_; }

   private:
    void number(std::uint32_t value) {  // seven bits a byte
        for (; value >= 128; value >>= 7) bytes_.push(std::uint8_t(value | 128));
        bytes_.push(std::uint8_t(value));
    }
    Column<std::uint8_t> bytes_;
};

class Run {
   public:
    Run(const Spilled& spilled, std::uint64_t from, std::uint64_t to, std::size_t block) : reading_(spilled.bytes(), from, block), left_(to - from) {}
    bool next() {
        if (left_ == 0) return false;
        gram.shared = byte(), gram.length = byte();
        for (int k = gram.shared; k < gram.length; ++k) gram.reversed[k] = number();
        gram.count = number();
        return true;
    }
    Gram gram;

   private:
    std::uint8_t byte() { return --left_, reading_.next(); }
    std::uint32_t number() {
        std::uint32_t value = 0;
        for (int shift = 0;; shift += 7) {
            const std::uint8_t part = byte();
            value |= std::uint32_t(part & 127) << shift;
            if (part < 128) return value;
        }
    }
    Reading<std::uint8_t> reading_;
    std::uint64_t left_;
};

// Where two n-grams differ, from the end; no n-gram is the end of another.
int shared_by(const Gram& a, const Gram& b) {
    int k = 0;
    while (k < a.length && k < b.length && a.reversed[k] == b.reversed[k]) ++k;
    return k;
}

void merge(std::vector<Run>& runs, Building& building, std::uint64_t bytes, const Watch& watch) {
    const auto later = [](const Run* a, const Run* b) {
        const int k = shared_by(a->gram, b->gram);
        return k < a->gram.length && k < b->gram.length && a->gram.reversed[k] > b->gram.reversed[k];
    };
    std::priority_queue<Run*, std::vector<Run*>, decltype(later)> queue(later);
    for (Run& run : runs)
        if (run.next()) queue.push(&run);
    Gram gram;
    std::uint64_t done = 0;
    while (!queue.empty()) {
        watch.now_and_then("merge", done++, std::max(done, bytes / 8));
        Run* const run = queue.top();
        queue.pop();
        const int shared = shared_by(run->gram, gram);
        if (gram.count && shared == gram.length && shared == run->gram.length) {
            gram.count += run->gram.count;
        } else {
            if (gram.count) building.add(gram.reversed.data(), gram.length, gram.shared, gram.count);
            gram = run->gram, gram.shared = shared;
        }
        if (run->next()) queue.push(run);
    }
    if (gram.count) building.add(gram.reversed.data(), gram.length, gram.shared, gram.count);
}

// What the levels of these many entries take while probabilities are worked out.
std::uint64_t needed(const std::vector<std::uint64_t>& sizes) {
    std::uint64_t all = 0, most = 0;
    for (std::uint64_t size : sizes) all += size, most = std::max(most, size);
    return 6 * 4 * all + 24 * most;
}

}  // namespace

Levels count(const Corpus& corpus, int order, const Chosen& chosen, const Limits& limits, const std::string& folder, const Watch& watch) {
    const Word words = corpus.vocabulary().size();
    const std::uint64_t memory = std::max<std::uint64_t>(limits.memory, 1 << 20);
    const Store spill{true, folder, std::size_t(std::clamp<std::uint64_t>(memory / 512, 1 << 12, 1 << 18))};
    Chunks chunks(corpus, order, chosen, std::min(limits.tokens, memory / 32));
    std::vector<std::uint64_t> sizes(order, 0);  // of the levels, where several chunks have no n-gram in common
    const auto counting = [&](const Gram& gram) {
        for (int k = std::max(gram.shared, 1); k < gram.length; ++k) ++sizes[k];
    };
    const auto store_for = [&](std::uint64_t beside) {
        Store store = spill;
        sizes[0] = words;
        store.disk = limits.disk || needed(sizes) + beside > memory;
        return store;
    };
    Chunk chunk;
    chunks.next(chunk);
    sort(chunk, order, words, watch);
    if (chunks.finished()) {
        // Where even as many n-grams as tokens would fit, nobody need know how many there are.
        const std::vector<std::uint64_t> most(order, std::uint64_t(chunk.size) + words);
        if (limits.disk || needed(most) > memory / 2) grams_of(chunk, order, watch, counting);
        Building building(store_for(8ull * chunk.size), order, words);
        building.reserve(sizes);
        grams_of(chunk, order, watch, [&](const Gram& gram) { building.add(gram.reversed.data(), gram.length, gram.shared, gram.count); });
        return building.finish();
    }
    Spilled spilled(spill);
    std::vector<std::uint64_t> ends{0};
    while (true) {
        grams_of(chunk, order, watch, [&](const Gram& gram) { counting(gram), spilled.push(gram); });
        ends.push_back(spilled.size());
        chunk.places.reset();
        if (!chunks.next(chunk)) break;
        sort(chunk, order, words, watch);
    }
    chunk = {};
    spilled.finish();
    const std::size_t block = std::size_t(std::clamp<std::uint64_t>(memory / 2 / ends.size(), 1 << 12, 1 << 18));
    std::vector<Run> runs;
    for (std::size_t i = 1; i < ends.size(); ++i) runs.emplace_back(spilled, ends[i - 1], ends[i], block);
    Building building(store_for(memory / 2), order, words);
    merge(runs, building, spilled.size(), watch);
    return building.finish();
}

}  // namespace ostinato::ngram

// Counting: sorted, spilled and merged n-grams against a map that counts them one by one; memory makes no difference.
#include <map>

#include "check.hpp"
#include "ngram/build/corpus.hpp"
#include "ngram/build/count.hpp"
#include "ngram/build/estimate.hpp"
#include "ngram/build/estimated.hpp"
#include "ngram/build/prune.hpp"

using namespace ostinato::ngram;

namespace {

const std::string here = ".";

// Sentences of up to `longest` words, few of them frequent.
Corpus drawn(int sentences, int longest, int words, bool disk) {
    Corpus corpus({disk, here, 64}, Reserved::refuse);
    Random random(7);
    const auto below = [&](int most) { return int((random.next() + 1) / 2 * most); };
    for (int i = 0; i < sentences; ++i) {
        std::string line;
        for (int j = below(longest) + 1; j; --j) line += " w" + std::to_string(below(words) * below(words) / words);
        line += '\n';
        corpus.read(line.data(), line.size());
    }
    corpus.end_of_file(), corpus.finish();
    return corpus;
}

std::vector<Word> tokens_of(const Corpus& corpus) {
    Reading<Word> reading(corpus.tokens());
    std::vector<Word> tokens(corpus.tokens().size());
    for (Word& token : tokens) token = reading.next();
    return tokens;
}

// From the last word back, and how often.
using Counted = std::map<std::vector<Word>, std::uint32_t>;

std::vector<Counted> counted(const Corpus& corpus, int order, const Chosen& chosen) {
    std::vector<Counted> result(order);
    const std::vector<Word> tokens = tokens_of(corpus);
    std::uint64_t sentence = 0;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        sentence += tokens[i] == begin;
        if (!chosen.takes(sentence - 1)) continue;
        std::vector<Word> gram;
        for (int k = 0; k < order; ++k) {
            gram.push_back(tokens[i - k]);
            ++result[k][gram];
            if (gram.back() == begin) break;
        }
    }
    for (Word word = 0; word < corpus.vocabulary().size(); ++word) result[0][{word}];
    return result;
}

// The levels' n-grams by walking them, with their prefixes' places checked on the way.
bool same(Levels& levels, const std::vector<Counted>& wanted) {
    std::vector<std::vector<Word>> above, current;
    for (int k = 0; k < levels.order(); ++k) {
        const Level& level = levels.level[k];
        if (level.size() != wanted[k].size()) return false;
        Reading<Word> first(level.first);
        Reading<std::uint32_t> count(level.count), prefix(level.prefix);
        std::vector<std::uint32_t> below(above.size(), 0);
        std::size_t parent = 0;
        current.clear();
        for (const auto& [gram, times] : wanted[k]) {
            if (first.next() != gram.back() || count.next() != times) return false;
            if (k) {
                while (above[parent] != std::vector<Word>(gram.begin(), gram.end() - 1)) ++parent;
                ++below[parent];
                if (above[prefix.next()] != std::vector<Word>(gram.begin() + 1, gram.end())) return false;
            }
            current.push_back(gram);
        }
        if (k) {
            Reading<std::uint32_t> children(levels.level[k - 1].children);
            for (const std::uint32_t count : below)
                if (children.next() != count) return false;
        }
        above.swap(current);
    }
    for (std::size_t k = levels.level.size(); k < wanted.size(); ++k)
        if (!wanted[k].empty()) return false;
    return true;
}

// Every bit of a model, order by order.
std::vector<float> bits(Levels levels, int order, const std::vector<std::uint32_t>& thresholds, std::uint64_t memory, bool pruned) {
    std::vector<Rule> rules(order);
    for (Rule& rule : rules) rule.adjusted = true, rule.minus = {0, 0.4, 0.9, 1.3, 1.3, 1.3, 1.3};
    levels = estimate(std::move(levels), rules, {thresholds, true, memory}, Watch());
    if (pruned) levels = prune(std::move(levels), 1e-4, memory, Watch());
    Estimated model(std::move(levels), {}, {});
    std::vector<float> all;
    Block block;
    for (int n = 1; n <= model.order(); ++n)
        for (const auto stream = model.open(n); stream->next(block);) {
            for (const Word word : block.words) all.push_back(float(word));
            all.insert(all.end(), block.log_prob.begin(), block.log_prob.end());
            all.insert(all.end(), block.backoff.begin(), block.backoff.end());
        }
    return all;
}

void columns() {
    for (const bool disk : {false, true}) {
        const Store store{disk, here, 48};
        Column<std::uint32_t> column(store);
        for (std::uint32_t i = 0; i < 1000; ++i) column.push(i);
        column.finish();
        Writing<std::uint32_t> writing(column, 3);
        for (std::uint32_t i = 3; i < 900; i += 5) writing.next() += 5000, writing.skip(4);
        writing.finish();
        Reading<std::uint32_t> reading(column);
        for (std::uint32_t i = 0; i < 1000; ++i) CHECK(reading.next() == i + 5000 * (i % 5 == 3 && i < 900), "%u", i);
        Reading<std::uint32_t> skipping(column, 10);
        skipping.skip(500);
        CHECK(skipping.ahead(0) == 510 && skipping.next() == 510, "skipped");
        std::vector<std::uint32_t> kept;
        CHECK(column.window(100, 200, kept)[0] == 100, "window");
    }
}

}  // namespace

int main() {
    columns();
    for (const int order : {1, 2, 3, 5, 24})
        for (const int longest : {3, 40}) {
            const Corpus corpus = drawn(300, longest, 30, false);
            for (const Chosen chosen : {Chosen{}, Chosen{7, false}, Chosen{7, true}}) {
                const std::vector<Counted> wanted = counted(corpus, order, chosen);
                for (const std::uint64_t tokens : {64, 100, 1000, 1 << 20})
                    for (const bool disk : {false, true}) {
                        Levels levels = count(corpus, order, chosen, {1 << 20, tokens, disk}, here, Watch());
                        link(levels, disk ? 256 : 1 << 20, Watch());
                        CHECK(same(levels, wanted), "order %d, %d words, every %u, %d tokens at once, disk %d", order, longest,
                              chosen.every, int(tokens), int(disk));
                    }
            }
        }
    for (const std::uint32_t threshold : {0u, 1u})
        for (const bool pruned : {false, true}) {
            const Corpus held = drawn(2000, 12, 200, false), spilled = drawn(2000, 12, 200, true);
            CHECK(tokens_of(held) == tokens_of(spilled), "a corpus on disk");
            const auto made = [&](const Corpus& corpus, const Limits& limits, std::uint64_t memory) {
                Levels levels = count(corpus, 4, {}, limits, here, Watch());
                link(levels, memory, Watch());
                return bits(std::move(levels), 4, {0, 0, threshold, threshold}, memory, pruned);
            };
            const std::vector<float> wanted = made(held, {std::uint64_t(1) << 30}, std::uint64_t(1) << 30);
            for (const std::uint64_t memory : {512, 5000, 100000})
                CHECK(same_bits(wanted, made(spilled, {1 << 20, memory, true}, memory)), "threshold %u, pruned %d, %d bytes",
                      threshold, int(pruned), int(memory));
        }
    return failures != 0;
}

// Frozen n-gram models: all ways of asking agree with a map of n-grams; ARPA files come back; and damage of either kind is
// refused or answered with nonsense, within bounds (which the sanitizers look at).
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "check.hpp"
#include "ngram/query/arpa.hpp"
#include "ngram/query/freeze.hpp"
#include "ngram/query/model.hpp"
#include "ngram/query/rows.hpp"
#include "ngram/query/scorer.hpp"

namespace {

using namespace ostinato::ngram;
using Gram = std::vector<Word>;

class Dice : Random {
   public:
    using Random::Random;
    int below(int count) { return int((next() + 1) / 2 * count); }
    float number(double least, double most) { return float(least + (next() + 1) / 2 * (most - least)); }
};

// log_prob and backoff
using Plain = std::map<Gram, std::pair<float, float>>;

Plain drawn(Dice& dice, int order, int words, int share) {
    Plain plain;
    std::vector<Gram> below;
    for (Word word = 0; word < Word(words); ++word) below.push_back({word});
    for (const Gram& gram : below) plain[gram] = {dice.number(-5, 0), order > 1 ? dice.number(-2, 1) : 0};
    for (int n = 2; n <= order; ++n) {
        std::vector<Gram> grown;
        for (const Gram& gram : below)
            for (Word word = 0; word < Word(words); ++word) {
                Gram longer = gram;
                longer.push_back(word);
                if (word != begin && plain.count(Gram(longer.begin() + 1, longer.end())) && dice.below(100) < share) grown.push_back(longer);
            }
        for (const Gram& gram : grown) plain[gram] = {dice.number(-5, 0), n < order ? dice.number(-2, 1) : 0};
        below = grown;
    }
    return plain;
}

std::unique_ptr<Table> table_of(const Plain& plain, int order, int words) {
    std::vector<std::string> vocabulary = {"<unk>", "<s>", "</s>"};
    for (int i = 3; i < words; ++i) vocabulary.push_back("word" + std::string(std::size_t(i % 19), 'x') + std::to_string(i));
    auto table = std::make_unique<Table>(order, vocabulary);
    for (const auto& [gram, values] : plain) table->add(int(gram.size()), gram.data(), values.first, values.second);
    table->finish();
    return table;
}

double look(const Plain& plain, Gram context, Word word) {
    double weight = 0;
    for (;; context.erase(context.begin())) {
        Gram gram = context;
        gram.push_back(word);
        if (const auto found = plain.find(gram); found != plain.end()) return found->second.first + weight;
        if (const auto found = plain.find(context); found != plain.end()) weight += found->second.second;
    }
}

std::string path() {
    static const std::string name = "/tmp/ostinato-test-ngram-" + std::to_string(getpid());
    return name;
}

std::shared_ptr<const Model> frozen(Grams& grams, int bits = 32) {
    freeze(grams, path(), {bits, 1 << 20, "/tmp"}, {});
    return Model::open(path());
}

void ask(const Model& model, Dice& dice, const Plain* plain) {
    const int order = model.order(), words = int(model.words());
    Gram text;
    for (int i = 0; i < 1500; ++i) text.push_back(Word(dice.below(20) ? dice.below(words) : int(begin)));
    Scores scores;
    Scorer scorer(model, scores);
    for (const Word word : text) scorer.push(word, false, true);
    scorer.flush();
    CHECK(scores.log10.size() == text.size(), "%zu scores", scores.log10.size());
    Context context;
    std::vector<double> all(std::size_t(words), 0);
    for (std::size_t t = 0; t < text.size(); ++t) {
        if (t % 50 == 0) model.distribution(context, all.data());
        int matched = 0;
        const double log10 = model.extend(context, text[t], matched);
        const bool same = log10 == scores.log10[t] || (std::isnan(log10) && std::isnan(scores.log10[t]));
        CHECK(!plain || same, "at %zu: %g alone and %g beside others", t, log10, scores.log10[t]);
        CHECK(!plain || matched == scores.matched[t], "at %zu: length %d and %d", t, matched, scores.matched[t]);
        CHECK(!plain || t % 50 || all[text[t]] == log10, "at %zu: %g of all and %g of one", t, all[text[t]], log10);
        if (!plain || text[t] == begin) continue;
        std::size_t from = t - std::min(t, std::size_t(order - 1));
        for (std::size_t i = from; i < t; ++i)
            if (text[i] == begin) from = i;
        const double wanted = look(*plain, Gram(text.begin() + std::ptrdiff_t(from), text.begin() + std::ptrdiff_t(t)), text[t]);
        CHECK(std::abs(wanted - log10) < 1e-5, "at %zu: %g where %g is right", t, log10, wanted);
    }
    score_lines(model, "wordxxx3 a word4\n\nwordxxxx4 <s>\r\nx", 2);
}

void models_agree() {
    Dice dice(1);
    for (int round = 0; round < 30; ++round) {
        const int order = 1 + round % 5, words = 4 + dice.below(12);
        const Plain plain = drawn(dice, order, words, 10 + dice.below(60));
        const auto table = table_of(plain, order, words);
        const auto model = frozen(*table);
        model->verify();
        ask(*model, dice, &plain);
        const auto thawed = model->thaw();
        const std::string bytes(model->bytes());
        CHECK(frozen(*thawed)->bytes() == bytes, "round %d: thawed and frozen again it is another file", round);
        std::string text;
        write_arpa(*table, [&](std::string_view piece) { text += piece; }, {});
        std::size_t at = 0;
        const auto again = read_arpa([&](char* to, std::size_t size) {
            const std::size_t count = std::min({size, text.size() - at, std::size_t(1 + dice.below(100))});
            std::memcpy(to, text.data() + at, count);
            return at += count, count;
        }, {});
        CHECK(frozen(*again)->bytes() == bytes, "round %d: through ARPA it is another file", round);
        ask(*frozen(*table, 8), dice, nullptr);
    }
}

void long_lists() {
    Dice dice(2);
    for (const int words : {300, 70000}) {
        Plain plain;
        for (Word word = 0; word < Word(words); ++word) plain[{word}] = {dice.number(-5, 0), dice.number(-2, 1)};
        for (const Word first : {0u, 2u, 31u, 32u, 33u, Word(words - 1)})
            for (Word word = 0; word < Word(words); ++word)
                if (word != begin && dice.below(10) > int(first) % 10) plain[{first, word}] = {dice.number(-5, 0), 0};
        const auto model = frozen(*table_of(plain, 2, words));
        model->verify();
        for (int i = 0; i < 20000; ++i) {
            const Word first = Word(dice.below(2) ? 31 + dice.below(3) : dice.below(3)), word = Word(dice.below(words));
            Context context;
            int matched;
            model->extend(context, first, matched);
            const double log10 = model->extend(context, word, matched);
            const double wanted = first == begin ? look(plain, {begin}, word) : look(plain, {first}, word);
            CHECK(word == begin || std::abs(log10 - wanted) < 1e-5, "%u %u: %g where %g is right", first, word, log10, wanted);
        }
    }
}

void damaged_files() {
    Dice dice(3);
    const auto table = table_of(drawn(dice, 4, 40, 12), 4, 40);
    for (const int bits : {32, 8}) {
        const std::string whole(frozen(*table, bits)->bytes());
        for (int i = 0; i < 1500; ++i) {
            std::string bad = whole;
            for (int flips = 1 + dice.below(3); flips > 0; --flips)
                bad[std::size_t(dice.below(i % 4 ? int(bad.size()) : int(sizeof(frozen::Header))))] ^= char(1 << dice.below(8));
            if (i % 5 == 0) {  // a header that was meant to be so
                frozen::Header header;
                std::memcpy(&header, bad.data(), sizeof(header));
                header.checksum = frozen::checksum(header);
                std::memcpy(bad.data(), &header, sizeof(header));
            }
            try {
                const auto model = Model::from_bytes(bad);
                ask(*model, dice, nullptr);
                model->thaw();
                model->verify();
            } catch (const std::invalid_argument&) {
            }
        }
    }
}

void damaged_text() {
    Dice dice(4);
    std::string whole;
    write_arpa(*table_of(drawn(dice, 3, 7, 30), 3, 7), [&](std::string_view piece) { whole += piece; }, {});
    const std::string pieces[] = {"nan", "\t", " ", "\n", "-", "9999999999999999999", "\\end\\", "\\2-grams:", "<s>", "1e999", std::string(1, '\0')};
    int models = 0;
    for (int i = 0; i < 5000; ++i) {
        std::string bad = whole;
        for (int changes = 1 + dice.below(3); changes > 0; --changes) {
            const std::size_t at = std::size_t(dice.below(int(bad.size())));
            if (dice.below(2))
                bad[at] = char(dice.below(256));
            else
                bad.insert(at, pieces[dice.below(11)]);
            if (dice.below(10) == 0) bad.resize(at);
            if (bad.empty()) bad = "\\data\\";
        }
        std::size_t at = 0;
        try {
            const auto table = read_arpa([&](char* to, std::size_t size) {
                const std::size_t count = std::min(size, bad.size() - at);
                std::memcpy(to, bad.data() + at, count);
                return at += count, count;
            }, {});
            ask(*frozen(*table), dice, nullptr), ++models;
        } catch (const std::invalid_argument&) {
        }
    }
    CHECK(models > 50 && models < 4800, "%d of 5000 damaged texts are models", models);
}

}  // namespace

int main() {
    models_agree();
    long_lists();
    damaged_files();
    damaged_text();
    unlink(path().c_str());
    std::printf("%d failures\n", failures);
    return failures != 0;
}

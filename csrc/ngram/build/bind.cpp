// The door to estimation: corpora, counts and the models made of them.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/array.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

#include "ngram/bind.hpp"
#include "ngram/build/corpus.hpp"
#include "ngram/build/count.hpp"
#include "ngram/build/estimate.hpp"
#include "ngram/build/estimated.hpp"
#include "ngram/build/prune.hpp"
#include "ngram/build/weights.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace ostinato::ngram {

namespace {

int order_of(int order) {
    if (order < 1 || order > most_order)
        throw std::invalid_argument("order is " + std::to_string(order) + "; it must be from 1 to " + std::to_string(most_order));
    return order;
}

// What is known of an estimation before its probabilities are: levels, used up by the first model made of them.
struct Counts {
    Counts() = default;
    Counts(const Counts&) = delete;
    Counts& operator=(const Counts&) = delete;
    Levels levels;
    std::vector<CountsOfCounts> of_counts;
    std::uint64_t memory;
    void check() const {
        if (levels.level.empty()) throw std::invalid_argument("a model was already made of these counts; count again");
    }
};

using RuleGiven = std::tuple<bool, std::array<double, 7>, double, double, std::vector<double>, int, double, bool>;

Rule rule_of(const RuleGiven& given) {
    const auto& [adjusted, minus, types, added, weights, lower, constant, whole_only] = given;
    if (lower < 0 || lower > 2) throw std::invalid_argument("lower is " + std::to_string(lower) + "; it must be 0, 1 or 2");
    for (int a = 0; a < 7; ++a)
        if (!(minus[a] >= 0 && minus[a] <= a)) throw std::invalid_argument("a discount is not from 0 to the count it is taken off");
    for (const double value : {types, added, constant})
        if (!(value >= 0 && value < 1e300)) throw std::invalid_argument("a rule holds a number that is negative or not finite");
    for (const double weight : weights)
        if (!(weight >= 0 && weight <= 1)) throw std::invalid_argument("a weight is not from 0 to 1");
    return {adjusted, minus, types, added, weights, Lower(lower), constant, whole_only};
}

std::shared_ptr<Counts> count_of(const Corpus& corpus, int order, std::uint64_t memory, std::uint64_t tokens, bool disk,
                                 const std::string& folder, std::uint32_t every, bool others, const nb::object& told) {
    order_of(order);
    if (corpus.sentences() == 0) throw std::invalid_argument("there is no sentence to count");
    return unlocked(told, [&](const Watch& watch) {
        auto counts = std::make_shared<Counts>();
        counts->memory = memory;
        const Limits limits{memory, tokens, disk};
        counts->levels = count(corpus, order, {every, others}, limits, folder, watch);
        link(counts->levels, memory, watch);
        counts->of_counts = counts_of_counts(counts->levels, watch);
        return counts;
    });
}

std::shared_ptr<Grams> estimate_of(Counts& counts, const Corpus& corpus, const std::vector<RuleGiven>& rules,
                                   const std::vector<std::uint32_t>& prune, bool uniform_over_all, const std::string& smoothing,
                                   bool distribution, const nb::object& told) {
    counts.check();
    const std::size_t order = counts.levels.level.size();
    if (rules.size() != order || prune.size() != order || prune[0] != 0)
        throw std::invalid_argument("there must be one rule and one threshold for each of " + std::to_string(order) +
                                    " orders, the first threshold 0");
    if (!std::is_sorted(prune.begin(), prune.end())) throw std::invalid_argument("thresholds must not decrease");
    if (corpus.vocabulary().size() != counts.levels.level[0].size()) throw std::invalid_argument("the counts are of another corpus");
    std::vector<Rule> checked;
    for (const RuleGiven& given : rules) checked.push_back(rule_of(given));
    return unlocked(told, [&](const Watch& watch) -> std::shared_ptr<Grams> {
        Levels taken = std::move(counts.levels);
        counts.levels = {};
        Levels made = estimate(std::move(taken), checked, {prune, uniform_over_all, counts.memory}, watch);
        return std::make_shared<Estimated>(std::move(made), corpus.vocabulary().words(), Facts{smoothing, distribution});
    });
}

std::shared_ptr<Grams> prune_of(Grams& grams, double threshold, std::uint64_t memory, bool disk, const std::string& folder,
                                const nb::object& told) {
    if (!(threshold >= 0)) throw std::invalid_argument("the threshold is negative or not a number");
    return unlocked(told, [&](const Watch& watch) -> std::shared_ptr<Grams> {
        Levels levels = prune(levels_of(grams, {disk, folder}, watch), threshold, memory, watch);
        return std::make_shared<Estimated>(std::move(levels), grams.vocabulary(), grams.facts());
    });
}

nb::tuple read_of(Grams& grams, int n) {
    if (n < 1 || n > grams.order()) throw std::invalid_argument("there are no n-grams of order " + std::to_string(n));
    std::vector<Word> words;
    std::vector<float> log_probs, backoffs;
    Block block;
    for (const std::unique_ptr<Stream> stream = grams.open(n); stream->next(block);) {
        words.insert(words.end(), block.words.begin(), block.words.end());
        log_probs.insert(log_probs.end(), block.log_prob.begin(), block.log_prob.end());
        backoffs.insert(backoffs.end(), block.backoff.begin(), block.backoff.end());
    }
    const std::size_t count = log_probs.size(), weights = backoffs.size();
    return nb::make_tuple(array_of(std::move(words), {count, std::size_t(n)}), array_of(std::move(log_probs), {count}),
                          array_of(std::move(backoffs), {weights}));
}

}  // namespace

void bind_build(nb::module_& module) {
    module.attr("ngram_most_order") = most_order;
    // A failure of the system is an OSError with its number, here and in all of the module.
    nb::register_exception_translator([](const std::exception_ptr& thrown, void*) {
        try {
            std::rethrow_exception(thrown);
        } catch (const std::system_error& error) {
            PyErr_SetObject(PyExc_OSError, nb::make_tuple(error.code().value(), error.what()).ptr());
        }
    });
    nb::class_<Grams>(module, "Grams", "A back-off model's n-grams in order, not yet to be asked.")
        .def_prop_ro("order", &Grams::order)
        .def("count", [](const Grams& grams, int n) {
            if (n < 1 || n > grams.order()) throw std::invalid_argument("there are no n-grams of order " + std::to_string(n));
            return grams.count(n);
        }, "n"_a)
        .def_prop_ro("vocabulary", [](const Grams& grams) { return grams.vocabulary(); })
        .def_prop_ro("smoothing", [](const Grams& grams) { return grams.facts().smoothing; })
        .def_prop_ro("distribution", [](const Grams& grams) { return grams.facts().distribution; })
        .def("read", &read_of, "n"_a, "words [count n], log10 probabilities [count], log10 back-offs [count] or [0]");
    nb::class_<Corpus>(module, "NGramCorpus", "Sentences as words' numbers, to be counted.")
        .def("__init__", [](Corpus* self, const std::string& folder, bool disk, int reserved) {
            if (reserved < 0 || reserved > 2) throw std::invalid_argument("reserved is " + std::to_string(reserved) + "; it must be 0, 1 or 2");
            new (self) Corpus({disk, folder}, Reserved(reserved));
        }, "folder"_a, "disk"_a, "reserved"_a)
        .def("add", [](Corpus& corpus, const std::string& word) { return corpus.add(word); }, "word"_a)
        .def("close_vocabulary", &Corpus::close_vocabulary)
        .def("read", [](Corpus& corpus, const nb::bytes& text) {
            unlocked(nb::none(), [&](const Watch&) { corpus.read(text.c_str(), text.size()); });
        }, "text"_a)
        .def("end_of_file", &Corpus::end_of_file)
        .def("sentence", [](Corpus& corpus, const nb::ndarray<const Word, nb::ndim<1>, nb::c_contig, nb::device::cpu>& words) {
            corpus.sentence(words.data(), words.size());
        }, "words"_a)
        .def("limit", &Corpus::limit, "most"_a)
        .def("finish", &Corpus::finish)
        .def_prop_ro("vocabulary", [](const Corpus& corpus) { return corpus.vocabulary().words(); })
        .def_prop_ro("words", [](const Corpus& corpus) { return corpus.vocabulary().size(); })
        .def_prop_ro("tokens", [](const Corpus& corpus) { return corpus.tokens().size(); })
        .def_prop_ro("sentences", &Corpus::sentences)
        .def_prop_ro("blank_lines", &Corpus::blank_lines)
        .def_prop_ro("unknown_words", &Corpus::unknown_words)
        .def_prop_ro("skipped_words", &Corpus::skipped_words);
    nb::class_<Counts>(module, "NGramCounts", "How often each n-gram occurs; the first model made of them uses them up.")
        .def_prop_ro("order", [](const Counts& counts) { return counts.of_counts.size(); })
        .def_prop_ro("sizes", [](const Counts& counts) {
            std::vector<std::uint64_t> sizes;
            for (const Level& level : counts.levels.level) sizes.push_back(level.size());
            return sizes;
        })
        .def_prop_ro("on_disk", [](const Counts& counts) { return counts.levels.store.disk; })
        .def("of_counts", [](const Counts& counts, bool adjusted) {
            std::vector<std::array<std::uint64_t, 7>> result;
            for (const CountsOfCounts& each : counts.of_counts) result.push_back(adjusted ? each.adjusted : each.seen);
            return result;
        }, "adjusted"_a)
        .def("fit_weights", [](const Counts& counts, const Counts& held_out, int buckets, const nb::object& told) {
            counts.check(), held_out.check();
            if (buckets < 1 || buckets > 64) throw std::invalid_argument("buckets are " + std::to_string(buckets) + "; they must be from 1 to 64");
            if (counts.levels.level[0].size() != held_out.levels.level[0].size())
                throw std::invalid_argument("the held-out counts are of another vocabulary");
            return unlocked(told, [&](const Watch& watch) { return fit_weights(counts.levels, held_out.levels, buckets, watch); });
        }, "held_out"_a, "buckets"_a, "told"_a.none());
    module.def("ngram_count", &count_of, "corpus"_a, "order"_a, "memory"_a, "tokens"_a, "disk"_a, "folder"_a, "every"_a, "others"_a,
               "told"_a.none());
    module.def("ngram_estimate", &estimate_of, "counts"_a, "corpus"_a, "rules"_a, "prune"_a, "uniform_over_all"_a, "smoothing"_a,
               "distribution"_a, "told"_a.none());
    module.def("ngram_prune", &prune_of, "grams"_a, "threshold"_a, "memory"_a, "disk"_a, "folder"_a, "told"_a.none());
}

}  // namespace ostinato::ngram

// The door to frozen models and ARPA files.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "ngram/query/arpa.hpp"
#include "ngram/bind.hpp"
#include "ngram/query/freeze.hpp"
#include "ngram/query/model.hpp"
#include "ngram/query/rows.hpp"
#include "ngram/query/scorer.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace ostinato::ngram {

namespace {

template <class T>
using Matrix = nb::ndarray<T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
template <class T>
using Row = nb::ndarray<T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

std::shared_ptr<const Model> opened(const std::string& path) {
    return unlocked(nb::none(), [&](const Watch&) { return Model::open(path); });
}

int threads_of(int threads) {
    if (threads < 1 || threads > 4096) throw std::invalid_argument("threads is " + std::to_string(threads) + "; it must be from 1 to 4096");
    return threads;
}

nb::tuple scored(TextScores&& found) {
    const std::size_t words = found.scores.log10.size(), sentences = found.ends.size();
    return nb::make_tuple(array_of(std::move(found.scores.log10), {words}), array_of(std::move(found.scores.matched), {words}),
                          array_of(std::move(found.scores.unknown), {words}), array_of(std::move(found.ends), {sentences}),
                          found.blank);
}

nb::tuple lines_of(const Model& model, const nb::bytes& text, int threads) {
    threads_of(threads);
    return scored(unlocked(nb::none(), [&](const Watch&) {
        return score_lines(model, {text.c_str(), text.size()}, threads);
    }));
}

nb::tuple texts_of(const Model& model, const std::vector<nb::bytes>& texts, bool begins, bool ends, int threads) {
    threads_of(threads);
    std::vector<std::string_view> views;
    for (const nb::bytes& text : texts) views.emplace_back(text.c_str(), text.size());
    return scored(unlocked(nb::none(), [&](const Watch&) { return score_texts(model, views, begins, ends, threads); }));
}

Histories histories_of(const Model& model, const Matrix<const Word>& words, int threads) {
    if (words.shape(1) != std::size_t(model.order() - 1))
        throw std::invalid_argument("histories have " + std::to_string(words.shape(1)) + " columns; they must be order - 1");
    return {model, std::int64_t(words.shape(0)), words.data(), threads_of(threads)};
}

nb::object candidates_of(const Model& model, const Matrix<const Word>& history, const Matrix<const Word>& words, int threads) {
    const Histories histories = histories_of(model, history, threads);
    if (words.shape(0) != history.shape(0)) throw std::invalid_argument("there are not as many rows of words as of histories");
    std::vector<double> log10(words.size());
    unlocked(nb::none(), [&](const Watch&) {
        score_candidates(histories, words.data(), std::int64_t(words.shape(1)), log10.data());
    });
    return nb::cast(array_of(std::move(log10), {words.shape(0), words.shape(1)}));
}

nb::object distributions_of(const Model& model, const Matrix<const Word>& history, int threads) {
    const Histories histories = histories_of(model, history, threads);
    std::vector<double> log10(history.shape(0) * model.words());
    unlocked(nb::none(), [&](const Watch&) { distributions(histories, log10.data()); });
    return nb::cast(array_of(std::move(log10), {history.shape(0), model.words()}));
}

nb::tuple rows_of(const Model& model, const Matrix<const Word>& history, const Matrix<const Word>& words,
                  const Row<const std::int64_t>& lengths, int threads) {
    const Histories histories = histories_of(model, history, threads);
    const std::size_t rows = history.shape(0), steps = words.shape(1);
    if (words.shape(0) != rows || lengths.shape(0) != rows) throw std::invalid_argument("the numbers of rows differ");
    for (std::size_t row = 0; row < rows; ++row)
        if (lengths.data()[row] < 0 || lengths.data()[row] > std::int64_t(steps))
            throw std::invalid_argument("a length is not from 0 to the number of steps");
    std::vector<double> log10(rows * steps);
    std::vector<std::uint8_t> matched(rows * steps);
    std::vector<std::int64_t> contexts(rows);
    unlocked(nb::none(), [&](const Watch&) {
        score_rows(histories, words.data(), std::int64_t(steps), lengths.data(), log10.data(), matched.data(), contexts.data());
    });
    return nb::make_tuple(array_of(std::move(log10), {rows, steps}), array_of(std::move(matched), {rows, steps}),
                          array_of(std::move(contexts), {rows}));
}

std::shared_ptr<Grams> arpa_read(const nb::object& read, const nb::object& told) {
    return unlocked(told, [&](const Watch& watch) -> std::shared_ptr<Grams> {
        return read_arpa([&](char* to, std::size_t size) {
            nb::gil_scoped_acquire held;
            const nb::object found = read(size);
            const nb::bytes piece = nb::cast<nb::bytes>(found);
            if (piece.size() > size) throw std::length_error("read gave more than was asked for");
            std::memcpy(to, piece.c_str(), piece.size());
            return piece.size();
        }, watch);
    });
}

void arpa_write(Grams& grams, const nb::object& write, const nb::object& told) {
    unlocked(told, [&](const Watch& watch) {
        write_arpa(grams, [&](std::string_view text) {
            nb::gil_scoped_acquire held;
            write(nb::bytes(text.data(), text.size()));
        }, watch);
    });
}

void freeze_of(Grams& grams, const std::string& path, int value_bits, std::uint64_t memory, const std::string& folder,
               const nb::object& told) {
    if (value_bits != 8 && value_bits != 32) throw std::invalid_argument("value_bits is " + std::to_string(value_bits) + "; it must be 8 or 32");
    unlocked(told, [&](const Watch& watch) { freeze(grams, path, {value_bits, memory, folder}, watch); });
}

void of_order(const Model& model, int n) {
    if (n < 1 || n > model.order()) throw std::invalid_argument("there are no n-grams of order " + std::to_string(n));
}

}  // namespace

void bind_query(nb::module_& module) {
    nb::class_<Model>(module, "NGramModel", "A frozen n-gram model, to be asked.")
        .def_static("open", [](const std::string& path) { return std::const_pointer_cast<Model>(opened(path)); }, "path"_a)
        .def_static("from_bytes", [](const nb::bytes& bytes) {
            return std::const_pointer_cast<Model>(Model::from_bytes({bytes.c_str(), bytes.size()}));
        }, "bytes"_a)
        .def_prop_ro("order", &Model::order)
        .def_prop_ro("words", &Model::words)
        .def_prop_ro("value_bits", &Model::value_bits)
        .def_prop_ro("smoothing", [](const Model& model) { return nb::bytes(model.facts().smoothing.data(), model.facts().smoothing.size()); })
        .def_prop_ro("distribution", [](const Model& model) { return model.facts().distribution; })
        .def("count", [](const Model& model, int n) { return of_order(model, n), model.count(n); }, "n"_a)
        .def("word", [](const Model& model, Word number) {
            if (number >= model.words()) throw std::invalid_argument("there is no word " + std::to_string(number));
            return nb::bytes(model.word(number).data(), model.word(number).size());
        }, "number"_a)
        .def("find", [](const Model& model, const nb::bytes& text) { return model.find(std::string_view(text.c_str(), text.size())); }, "text"_a)
        .def("bytes", [](const Model& model) { return nb::bytes(model.bytes().data(), model.bytes().size()); })
        .def("verify", [](const Model& model) { unlocked(nb::none(), [&](const Watch&) { model.verify(); }); })
        .def("thaw", [](const Model& model) {
            return unlocked(nb::none(), [&](const Watch&) -> std::shared_ptr<Grams> { return model.thaw(); });
        })
        .def("score_lines", &lines_of, "text"_a, "threads"_a)
        .def("score_texts", &texts_of, "texts"_a, "begins"_a, "ends"_a, "threads"_a)
        .def("score_candidates", &candidates_of, "history"_a, "words"_a, "threads"_a)
        .def("distributions", &distributions_of, "history"_a, "threads"_a)
        .def("score_rows", &rows_of, "history"_a, "words"_a, "lengths"_a, "threads"_a);
    module.def("ngram_freeze", &freeze_of, "grams"_a, "path"_a, "value_bits"_a, "memory"_a, "folder"_a, "told"_a.none());
    module.def("ngram_read_arpa", &arpa_read, "read"_a, "told"_a.none());
    module.def("ngram_write_arpa", &arpa_write, "grams"_a, "write"_a, "told"_a.none());
}

}  // namespace ostinato::ngram

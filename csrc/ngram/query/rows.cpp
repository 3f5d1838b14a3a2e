#include "ngram/query/rows.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "parallel.hpp"
#include "ngram/query/scorer.hpp"

namespace ostinato::ngram {
namespace {

// Calls body(from, to) for parts of the rows.
template <class Body>
void in_parts(const Histories& histories, Body body) {
    struct Call {
        Body& body;
        std::int64_t rows, parts;
    } call{body, histories.rows, std::min<std::int64_t>(histories.threads, histories.rows)};
    run_parallel(int(call.parts), [](void* given, int i) {
        const Call& call = *static_cast<Call*>(given);
        call.body(call.rows * i / call.parts, call.rows * (i + 1) / call.parts);
    }, &call);
}

void move(const Model& model, Context& context, Word word) {
    int matched;
    model.extend(context, word, matched);
    if (word == end) context = {}, model.extend(context, begin, matched);
}

Context context_of(const Histories& histories, std::int64_t row) {
    Context context;
    const int width = histories.model.order() - 1;
    for (const Word *word = histories.words + row * width, *stop = word + width; word < stop; ++word)
        if (*word != nothing) move(histories.model, context, *word);
    return context;
}

}  // namespace

void score_candidates(const Histories& histories, const Word* words, std::int64_t candidates, double* log10) {
    in_parts(histories, [&](std::int64_t from, std::int64_t to) {
        for (std::int64_t row = from; row < to; ++row) {
            const Context context = context_of(histories, row);
            for (std::int64_t i = row * candidates; i < (row + 1) * candidates; ++i) {
                Context after = context;
                int matched;
                log10[i] = histories.model.extend(after, words[i], matched);
            }
        }
    });
}

void distributions(const Histories& histories, double* log10) {
    in_parts(histories, [&](std::int64_t from, std::int64_t to) {
        for (std::int64_t row = from; row < to; ++row)
            histories.model.distribution(context_of(histories, row), log10 + row * std::int64_t(histories.model.words()));
    });
}

void score_rows(const Histories& histories, const Word* words, std::int64_t steps, const std::int64_t* lengths, double* log10,
                std::uint8_t* matched, std::int64_t* contexts) {
    const Model& model = histories.model;
    const int width = model.order() - 1;
    in_parts(histories, [&](std::int64_t from, std::int64_t to) {
        Scores scores;
        Scorer scorer(model, scores);
        for (std::int64_t row = from; row < to; ++row) {
            bool fresh = true;
            const auto push = [&](Word word, bool scored) {
                scorer.push(word, std::exchange(fresh, false), scored);
                if (word == end) scorer.push(begin, true, false);
            };
            for (int i = 0; i < width; ++i)
                if (const Word word = histories.words[row * width + i]; word != nothing) push(word, false);
            for (std::int64_t t = 0; t < lengths[row]; ++t) push(words[row * steps + t], true);
        }
        scorer.flush();
        std::size_t next = 0;
        for (std::int64_t row = from; row < to; ++row) {
            for (std::int64_t t = 0; t < steps; ++t) {
                const bool real = t < lengths[row];
                log10[row * steps + t] = real ? scores.log10[next] : 0, matched[row * steps + t] = real ? scores.matched[next] : 0;
                next += real;
            }
            Context context = context_of(histories, row);
            if (lengths[row] >= width) context = {};
            for (std::int64_t t = std::max<std::int64_t>(0, lengths[row] - width); t < lengths[row]; ++t)
                move(model, context, words[row * steps + t]);
            contexts[row] = context.length;
        }
    });
}

}  // namespace ostinato::ngram

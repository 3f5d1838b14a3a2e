#include "scorer.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cmath>
#include <utility>

#include "parallel.hpp"

namespace ostinato::ngram {
namespace {

constexpr int positions = 1024;  // at once: what is kept of them fits a core's cache
constexpr int lanes = 8;         // searches side by side

// For each i the place in `ranges[i]` with the greatest rank that is not above wanted[i] (or the first); ranges are not empty.
void search(const View& view, const Range* ranges, const std::uint32_t* wanted, std::uint32_t* found, int count) {
    for (int from = 0; from < count; from += lanes) {
        const int here = std::min(lanes, count - from);
        std::uint32_t at[lanes], left[lanes], rank[lanes], longest = 0;
        for (int i = 0; i < lanes; ++i) {
            const int which = from + std::min(i, here - 1);
            at[i] = ranges[which].begin, left[i] = ranges[which].size(), rank[i] = wanted[which];
            longest = std::max(longest, left[i]);
        }
        for (int rounds = std::bit_width(longest - 1); rounds > 0; --rounds)
            for (int i = 0; i < lanes; ++i) {
                const std::uint32_t half = left[i] / 2;
                at[i] += view.rank(at[i] + half) <= rank[i] ? half : 0;
                left[i] -= half;
            }
        for (int i = 0; i < here; ++i) found[from + i] = at[i];
    }
}

}  // namespace

struct Scorer::Work {
    int count = 0, kept = 0;  // positions; those at the start that are only context
    std::array<Word, positions> words;
    std::array<std::uint8_t, positions> fresh, scored, matched;
    std::vector<std::uint32_t> places;        // [order][positions]: of the n-grams found
    std::array<std::uint32_t, positions> rank;  // of the longest n-gram found
    std::array<int, positions + 1> alive;       // positions where the order at work has an n-gram, and a last that is none
    int alive_count = 0;
    // What is searched for
    std::array<Range, positions> ranges;
    std::array<std::uint32_t, positions> wanted, found;

    std::uint32_t* at(int n) { return places.data() + std::size_t(n - 1) * positions; }
};

Scorer::Scorer(const Model& model, Scores& scores) : model_(model), scores_(scores), work_(std::make_unique<Work>()) {
    work_->places.resize(std::size_t(model.order()) * positions);
}
Scorer::~Scorer() = default;

void Scorer::push(Word word, bool fresh, bool scored) {
    Work& w = *work_;
    if (w.count == positions) work();
    w.words[w.count] = word < model_.words() ? word : Word(unknown);
    w.fresh[w.count] = fresh || word == begin, w.scored[w.count] = scored;
    ++w.count;
}

void Scorer::flush() {
    work();
    work_->count = work_->kept = 0;
}

// Of order n, by what was found of order n - 1.
void Scorer::level(int n) {
    Work& w = *work_;
    const View &view = model_.view(n), &below = model_.view(n - 1);
    const std::uint32_t *before = w.at(n - 1);
    std::uint32_t* places = w.at(n);
    int count = 0, last = -1;
    // Where both the n-gram without its first word and the one without its last are there.
    for (int a = 0; a < w.alive_count; ++a) {
        const int t = w.alive[a];
        w.found[count] = std::uint32_t(t);
        count += t && !w.fresh[t] && (n == 2 || last == t - 1);
        last = t;
    }
    for (int i = 0; i < count; ++i) below.prefetch_links(before[w.found[i] - 1]);
    w.alive_count = 0;
    for (int i = 0; i < count; ++i) {
        const std::uint32_t t = w.found[i];
        const Range range = below.children(before[t - 1]);
        w.alive[w.alive_count] = int(t), w.ranges[w.alive_count] = range, w.wanted[w.alive_count] = w.rank[t];
        w.alive_count += range.size() > 0;
    }
    count = w.alive_count;
    search(view, w.ranges.data(), w.wanted.data(), w.found.data(), count);
    w.alive_count = 0;
    for (int i = 0; i < count; ++i) {
        const int t = w.alive[i];
        if (view.rank(w.found[i]) != w.wanted[i]) continue;
        places[t] = w.found[i], w.matched[t] = std::uint8_t(n), w.rank[t] = w.found[i] - w.ranges[i].begin;
        w.alive[w.alive_count++] = t;
    }
}

void Scorer::work() {
    Work& w = *work_;
    for (int t = 0; t < w.count; ++t) w.matched[t] = 1, w.rank[t] = w.at(1)[t] = w.words[t], w.alive[t] = t;
    w.alive_count = w.count;
    for (int n = 2; n <= model_.order() && w.alive_count; ++n) level(n);
    constexpr int ahead = 8;
    const auto value_of = [&](int t) { model_.view(w.matched[t]).prefetch_values(w.at(w.matched[t])[t]); };
    for (int t = w.kept; t < std::min(w.count, w.kept + ahead); ++t) value_of(t);
    for (int t = w.kept; t < w.count; ++t) {
        if (t + ahead < w.count) value_of(t + ahead);
        if (!w.scored[t]) continue;
        double weight = 0;
        if (t && !w.fresh[t])
            for (int n = std::min<int>(w.matched[t - 1], model_.order() - 1); n >= w.matched[t]; --n)
                weight += model_.view(n).backoff(w.at(n)[t - 1]);
        const double total = model_.view(w.matched[t]).log_prob(w.at(w.matched[t])[t]) + weight;
        scores_.log10.push_back(w.words[t] == begin ? -INFINITY : total);
        scores_.matched.push_back(w.matched[t]), scores_.unknown.push_back(w.words[t] == unknown);
    }
    // The last words are the next ones' context.
    w.kept = std::min(w.count, model_.order() - 1);
    for (int i = 0; i < w.kept; ++i) w.words[i] = w.words[w.count - w.kept + i], w.fresh[i] = w.fresh[w.count - w.kept + i];
    w.count = w.kept;
}

namespace {

bool space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// Pushes the words of a sentence.
struct Sentences {
    const Model& model;
    TextScores& out;
    const char* readable;  // up to where bytes may be read
    Scorer scorer{model, out.scores};
    std::uint64_t scored = 0;

    struct Found {
        std::string_view text;
        std::uint64_t hash;
    };
    static constexpr int ahead = 16;

    // Up to the end of the text or, if so asked, of its line; how far it came.
    const char* sentence(const char* at, const char* stop, bool line, bool begins, bool ends) {
        Found found[ahead];
        int count = 0;
        bool started = false, fresh = true;
        const auto push = [&] {
            for (int i = 0; i < count; ++i) scorer.push(model.find(found[i].text, found[i].hash), std::exchange(fresh, false), true);
            scored += std::uint64_t(count), count = 0;
        };
        const auto start = [&] {
            if (begins) scorer.push(begin, true, false), fresh = false;
            started = true;
        };
        for (;;) {
            while (at < stop && space(*at) && !(line && *at == '\n')) ++at;
            if (at == stop || (line && *at == '\n')) break;
            const char* from = at;
            while (at < stop && !space(*at)) ++at;
            if (!started) start();
            const std::string_view text(from, std::size_t(at - from));
            found[count] = {text, frozen::hash(text, std::size_t(readable - from))};
            model.prefetch(found[count].hash);
            if (++count == ahead) push();
        }
        push();
        if (at < stop) ++at;
        if (line && !started) return ++out.blank, at;
        if (!started) start();
        if (ends) scorer.push(end, fresh, true), ++scored;
        out.ends.push_back(scored);
        return at;
    }
};

TextScores joined(std::vector<TextScores>& parts) {
    if (parts.size() == 1) return std::move(parts[0]);
    TextScores all;
    std::size_t words = 0, sentences = 0;
    for (const TextScores& part : parts) words += part.scores.log10.size(), sentences += part.ends.size();
    all.scores.log10.reserve(words), all.scores.matched.reserve(words), all.scores.unknown.reserve(words), all.ends.reserve(sentences);
    for (TextScores& part : parts) {
        const std::uint64_t before = all.scores.log10.size();
        const auto append = [](auto& to, const auto& from) { to.insert(to.end(), from.begin(), from.end()); };
        append(all.scores.log10, part.scores.log10), append(all.scores.matched, part.scores.matched);
        append(all.scores.unknown, part.scores.unknown);
        for (const std::uint64_t end : part.ends) all.ends.push_back(before + end);
        all.blank += part.blank;
        part = {};
    }
    return all;
}

template <class Body>
void in_parts(int count, int threads, Body body) {
    struct Call {
        Body& body;
        int count;
        std::atomic<int> next{0};
    } call{body, count};
    run_parallel(std::min(count, threads), [](void* given, int) {
        Call& call = *static_cast<Call*>(given);
        for (int i; (i = call.next.fetch_add(1, std::memory_order_relaxed)) < call.count;) call.body(i);
    }, &call);
}

}  // namespace

TextScores score_lines(const Model& model, std::string_view text, int threads) {
    constexpr std::size_t least = 1 << 16;
    std::vector<std::string_view> pieces;
    for (std::size_t at = 0; at < text.size();) {
        std::size_t stop = text.size() - at > least ? text.find('\n', at + least) : text.npos;
        stop = stop == text.npos ? text.size() : stop + 1;
        pieces.push_back(text.substr(at, stop - at)), at = stop;
    }
    std::vector<TextScores> parts(std::max<std::size_t>(pieces.size(), 1));
    in_parts(int(pieces.size()), threads, [&](int i) {
        Sentences sentences{model, parts[std::size_t(i)], text.data() + text.size()};
        const char *at = pieces[std::size_t(i)].data(), *stop = at + pieces[std::size_t(i)].size();
        while (at < stop) at = sentences.sentence(at, stop, true, true, true);
        sentences.scorer.flush();
    });
    return joined(parts);
}

TextScores score_texts(const Model& model, const std::vector<std::string_view>& texts, bool begins, bool ends, int threads) {
    const int count = int(std::min<std::size_t>((texts.size() + 255) / 256, 1024));
    std::vector<TextScores> parts(std::size_t(std::max(count, 1)));
    in_parts(count, threads, [&](int i) {
        const auto first = [&](int part) { return texts.size() * std::size_t(part) / std::size_t(count); };
        Sentences sentences{model, parts[std::size_t(i)], nullptr};
        for (std::size_t s = first(i); s < first(i + 1); ++s) {
            const char *at = texts[s].data(), *stop = at + texts[s].size();
            sentences.readable = stop;
            sentences.sentence(at, stop, false, begins, ends);
        }
        sentences.scorer.flush();
    });
    return joined(parts);
}

}  // namespace ostinato::ngram

#include "ngram/query/scorer.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

#include "parallel.hpp"

namespace ostinato::ngram {
namespace {

constexpr int positions = 1024;  // at once: what is kept of them fits a core's cache
constexpr int lanes = 8;         // searches side by side

// Without a branch, where nobody could foretell it.
float chosen(bool first, float one, float other) {
    const auto bits = std::bit_cast<std::uint32_t>(other);
    return std::bit_cast<float>(bits ^ ((bits ^ std::bit_cast<std::uint32_t>(one)) & (0 - std::uint32_t(first))));
}
std::uint32_t chosen(bool first, std::uint32_t one, std::uint32_t other) { return other ^ ((other ^ one) & (0 - std::uint32_t(first))); }

// For each i the place in `ranges[i]` with the greatest rank that is not above wanted[i] (or the first); ranges are not empty.
void search(const View& view, const Range* ranges, const std::uint32_t* wanted, std::uint32_t* found, int count) {
    // Sorted by how many rounds they take: those side by side wait for the longest.
    const auto rounds_of = [&](int i) { return std::bit_width((ranges[i].size() - 1) * 2 | 1) - 1; };
    std::array<std::uint16_t, positions> order;
    std::array<int, 34> starts{};
    for (int i = 0; i < count; ++i) ++starts[std::size_t(rounds_of(i)) + 1];
    for (std::size_t rounds = 1; rounds < starts.size(); ++rounds) starts[rounds] += starts[rounds - 1];
    for (int i = 0; i < count; ++i) order[std::size_t(starts[std::size_t(rounds_of(i))]++)] = std::uint16_t(i);
    for (int from = 0; from < count; from += lanes) {
        const int here = std::min(lanes, count - from);
        std::uint32_t at[lanes], left[lanes], rank[lanes];
        for (int i = 0; i < lanes; ++i) {
            const int which = order[std::size_t(from + std::min(i, here - 1))];
            at[i] = ranges[which].begin, left[i] = ranges[which].size(), rank[i] = wanted[which];
        }
        for (int rounds = rounds_of(order[std::size_t(from + here - 1)]); rounds > 0; --rounds)
            for (int i = 0; i < lanes; ++i) {
                const std::uint32_t half = left[i] / 2;
                at[i] += view.rank(at[i] + half) <= rank[i] ? half : 0;
                left[i] -= half;
            }
        for (int i = 0; i < here; ++i) found[order[std::size_t(from + i)]] = at[i];
    }
}

}  // namespace

struct Scorer::Work {
    int count = 0, kept = 0;  // positions; those at the start that are only context
    std::array<Word, positions> words;
    std::array<std::uint8_t, positions + 1> fresh, scored, matched;
    std::array<float, positions> log_prob;
    std::array<double, positions + 1> weight;
    std::array<std::uint32_t, positions> places, before;  // of the n-grams of the order at work, and of the one below
    std::array<std::uint32_t, positions> rank;            // of the longest n-gram found
    std::array<int, positions> alive, was_alive;          // positions where these orders have an n-gram
    int alive_count = 0, was_alive_count = 0;
    // What is searched for
    std::array<Range, positions> ranges;
    std::array<std::uint32_t, positions> wanted, begins, found;
};

Scorer::Scorer(const Model& model, Scores& scores) : model_(model), scores_(scores), work_(new Work) {}
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
    w.before.swap(w.places), w.was_alive.swap(w.alive), w.was_alive_count = w.alive_count;
    int count = 0, last = -1;
    // Where both the n-gram without its first word and the one without its last are there.
    for (int a = 0; a < w.was_alive_count; ++a) {
        const int t = w.was_alive[a];
        below.prefetch_links(w.before[t]);
        w.found[count] = std::uint32_t(t);
        count += !w.fresh[t] && last == t - 1;
        last = t;
    }
    for (int i = 0; i < count; ++i) below.prefetch_rows(w.before[w.found[i] - 1]);
    w.alive_count = 0;
    for (int i = 0; i < count; ++i) {
        const std::uint32_t t = w.found[i], rank = w.rank[t];
        const Range children = below.children(w.before[t - 1]), range = view.narrowed(children, rank, model_.words());
        const int at = w.alive_count;
        w.alive[at] = int(t), w.begins[at] = children.begin, w.ranges[at] = range, w.wanted[at] = rank;
        view.prefetch_rank(range.begin + range.size() / 2);
        w.alive_count += range.size() > 0;
    }
    count = w.alive_count;
    search(view, w.ranges.data(), w.wanted.data(), w.found.data(), count);
    w.alive_count = 0;
    for (int i = 0; i < count; ++i) {
        const int t = w.alive[i];
        const std::uint32_t place = w.found[i], wanted = w.wanted[i];
        const bool there = view.rank(place) == wanted;
        w.places[t] = place, w.matched[t] = std::uint8_t(n - !there);
        w.rank[t] = chosen(there, place - w.begins[i], wanted);
        w.alive[w.alive_count] = t, w.alive_count += there;
    }
    values(n - 1);
}

// Takes from order n's n-grams, `before`, what those words need that had none of the next order.
void Scorer::values(int n) {
    Work& w = *work_;
    const View& view = model_.view(n);
    const auto here = [&](int t) { return w.matched[t] == n; };
    const auto weighs = [&](int t) { return !view.last & !w.fresh[t + 1] & (w.matched[t + 1] <= n); };  // on the word after
    int count = 0;
    for (int a = 0; a < w.was_alive_count; ++a) {
        const int t = w.was_alive[a];
        view.prefetch_values(w.before[t]);
        w.found[count] = std::uint32_t(t), count += here(t) | weighs(t);
    }
    for (int i = 0; i < count; ++i) {
        const int t = int(w.found[i]);
        const float log_prob = view.log_prob(w.before[t]), backoff = view.backoff(w.before[t]);
        w.log_prob[t] = chosen(here(t), log_prob, w.log_prob[t]);
        w.weight[t + 1] += chosen(weighs(t), backoff, 0.f);
    }
}

void Scorer::work() {
    Work& w = *work_;
    for (int t = 0; t < w.count; ++t) w.matched[t] = 1, w.rank[t] = w.places[t] = w.words[t], w.alive[t] = t, w.weight[t] = 0;
    w.alive_count = w.count;
    w.fresh[0] = w.fresh[w.count] = true;  // before the first there is nothing, and after the last nobody asks
    for (int n = 2; n <= model_.order(); ++n) level(n);
    w.before.swap(w.places), w.was_alive.swap(w.alive), w.was_alive_count = w.alive_count;
    values(model_.order());
    std::size_t to = scores_.log10.size();
    const std::size_t most = to + std::size_t(w.count - w.kept);
    scores_.log10.resize(most), scores_.matched.resize(most), scores_.unknown.resize(most);
    for (int t = w.kept; t < w.count; ++t) {
        scores_.log10[to] = w.words[t] == begin ? -INFINITY : w.log_prob[t] + w.weight[t];
        scores_.matched[to] = w.matched[t], scores_.unknown[to] = w.words[t] == unknown;
        to += w.scored[t];
    }
    scores_.log10.resize(to), scores_.matched.resize(to), scores_.unknown.resize(to);
    // The last words are the next ones' context.
    w.kept = std::min(w.count, model_.order() - 1);
    for (int i = 0; i < w.kept; ++i) w.words[i] = w.words[w.count - w.kept + i], w.fresh[i] = w.fresh[w.count - w.kept + i];
    w.count = w.kept;
}

namespace {

bool space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// The first white space from there on, or `stop`; eight bytes at a time while they may be read.
const char* word_end(const char* at, const char* stop, const char* readable) {
    for (; at < stop; ++at) {
        while (at + 8 <= readable) {
            std::uint64_t piece;
            std::memcpy(&piece, at, 8);
            // The lowest byte of those marked is below '!', whether or not the others are.
            const std::uint64_t low = (piece - 0x2121212121212121ull) & ~piece & 0x8080808080808080ull;
            if (low) {
                at += std::countr_zero(low) / 8;
                break;
            }
            at += 8;
        }
        if (at >= stop) return stop;
        if (space(*at)) return at;
    }
    return stop;
}

// Pushes the words of a sentence.
struct Sentences {
    const Model& model;
    TextScores& out;
    const char* readable;  // up to where bytes may be read
    Scorer scorer{model, out.scores};
    std::uint64_t scored = 0;

    static constexpr int ahead = 16;

    // Up to the end of the text or, if so asked, of its line; how far it came.
    const char* sentence(const char* at, const char* stop, bool line, bool begins, bool ends) {
        frozen::Key found[ahead];
        int count = 0;
        bool started = false, fresh = true;
        const auto push = [&] {
            for (int i = 0; i < count; ++i) scorer.push(model.find(found[i]), std::exchange(fresh, false), true);
            scored += std::uint64_t(count), count = 0;
        };
        const auto start = [&] {
            if (begins) scorer.push(begin, true, false), fresh = false;
            started = true;
        };
        for (;;) {
            while (at < stop && static_cast<unsigned char>(*at) <= ' ' && space(*at) && !(line && *at == '\n')) ++at;
            if (at == stop || (line && *at == '\n')) break;
            const char* from = at;
            at = word_end(at, stop, readable);
            if (!started) start();
            const std::string_view text(from, std::size_t(at - from));
            found[count] = frozen::Key(text, std::size_t(readable - from));
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

TextScores joined(std::vector<TextScores>& parts, int threads) {
    if (parts.size() == 1) return std::move(parts[0]);
    TextScores all;
    std::vector<std::uint64_t> before{0};
    for (const TextScores& part : parts) before.push_back(before.back() + part.scores.log10.size());
    const std::size_t words = before.back();
    all.scores.log10.resize(words), all.scores.matched.resize(words), all.scores.unknown.resize(words);
    in_parts(int(parts.size()), threads, [&](int i) {
        Scores& from = parts[std::size_t(i)].scores;
        const auto at = std::ptrdiff_t(before[std::size_t(i)]);
        std::copy(from.log10.begin(), from.log10.end(), all.scores.log10.begin() + at);
        std::copy(from.matched.begin(), from.matched.end(), all.scores.matched.begin() + at);
        std::copy(from.unknown.begin(), from.unknown.end(), all.scores.unknown.begin() + at);
        from = {};
    });
    for (std::size_t i = 0; i < parts.size(); ++i) {
        for (const std::uint64_t end : parts[i].ends) all.ends.push_back(before[i] + end);
        all.blank += parts[i].blank;
    }
    return all;
}

}  // namespace

TextScores score_lines(const Model& model, std::string_view text, int threads) {
    constexpr std::size_t least = 1 << 15;
    std::vector<std::string_view> pieces;
    for (std::size_t at = 0; at < text.size();) {
        std::size_t stop = text.size() - at > least ? text.find('\n', at + least) : text.npos;
        stop = stop == text.npos ? text.size() : stop + 1;
        pieces.push_back(text.substr(at, stop - at)), at = stop;
    }
    std::vector<TextScores> parts(std::max<std::size_t>(pieces.size(), 1));
    in_parts(int(pieces.size()), threads, [&](int i) {
        TextScores& part = parts[std::size_t(i)];
        const std::size_t likely = pieces[std::size_t(i)].size() / 4;
        part.scores.log10.reserve(likely), part.scores.matched.reserve(likely), part.scores.unknown.reserve(likely);
        Sentences sentences{model, part, text.data() + text.size()};
        const char *at = pieces[std::size_t(i)].data(), *stop = at + pieces[std::size_t(i)].size();
        while (at < stop) at = sentences.sentence(at, stop, true, true, true);
        sentences.scorer.flush();
    });
    return joined(parts, threads);
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
    return joined(parts, threads);
}

}  // namespace ostinato::ngram

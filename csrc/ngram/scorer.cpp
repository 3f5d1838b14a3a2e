#include "scorer.hpp"

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

// For each i the place in `ranges[i]` with the greatest rank that is not above wanted[i] (or the first); ranges are not empty.
void search(const View& view, const Range* ranges, const std::uint32_t* wanted, std::uint32_t* found, int count) {
    // Short lists apart from long ones: those side by side wait for the longest.
    std::array<std::uint16_t, positions> order;
    int shorts = 0, longs = count;
    for (int i = 0; i < count; ++i) {
        const bool is_short = ranges[i].size() <= 16;
        order[std::size_t(is_short ? shorts : longs - 1)] = std::uint16_t(i);
        shorts += is_short, longs -= !is_short;
    }
    for (int from = 0; from < count; from += lanes) {
        const int here = std::min(lanes, count - from);
        std::uint32_t at[lanes], left[lanes], rank[lanes], longest = 0;
        for (int i = 0; i < lanes; ++i) {
            const int which = order[std::size_t(from + std::min(i, here - 1))];
            at[i] = ranges[which].begin, left[i] = ranges[which].size(), rank[i] = wanted[which];
            longest = std::max(longest, left[i]);
        }
        for (int rounds = std::bit_width(longest - 1); rounds > 0; --rounds)
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
    std::array<std::uint8_t, positions> fresh, scored, matched;
    std::array<float, positions> log_prob;
    std::array<double, positions> weight;
    std::array<std::uint32_t, positions> places, before;  // of the n-grams of the order at work, and of the one below
    std::array<std::uint32_t, positions> rank;            // of the longest n-gram found
    std::array<int, positions> alive, was_alive;          // positions where these orders have an n-gram
    int alive_count = 0, was_alive_count = 0;
    // What is searched for
    std::array<Range, positions> ranges;
    std::array<std::uint32_t, positions> wanted, begins, found;
};

Scorer::Scorer(const Model& model, Scores& scores) : model_(model), scores_(scores), work_(std::make_unique<Work>()) {}
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
        w.found[count] = std::uint32_t(t);
        count += t && !w.fresh[t] && last == t - 1;
        last = t;
    }
    for (int i = 0; i < count; ++i) below.prefetch_links(w.before[w.found[i] - 1]);
    for (int i = 0; i < count; ++i) below.prefetch_rows(w.before[w.found[i] - 1]);
    w.alive_count = 0;
    for (int i = 0; i < count; ++i) {
        const std::uint32_t t = w.found[i];
        const Range range = below.children(w.before[t - 1]);
        w.alive[w.alive_count] = int(t), w.ranges[w.alive_count] = range, w.wanted[w.alive_count] = w.rank[t];
        w.alive_count += range.size() > 0;
    }
    count = w.alive_count;
    for (int i = 0; i < count; ++i) w.begins[i] = w.ranges[i].begin;
    if (view.posts)
        for (int i = 0; i < count; ++i) w.ranges[i] = view.narrowed(w.ranges[i], w.wanted[i], model_.words());
    for (int i = 0; i < count; ++i) view.prefetch_rank(w.ranges[i].begin + w.ranges[i].size() / 2);
    search(view, w.ranges.data(), w.wanted.data(), w.found.data(), count);
    w.alive_count = 0;
    for (int i = 0; i < count; ++i) {
        const int t = w.alive[i];
        const bool there = view.rank(w.found[i]) == w.wanted[i];
        w.places[t] = w.found[i], w.matched[t] = std::uint8_t(n - !there);
        w.rank[t] = there ? w.found[i] - w.begins[i] : w.rank[t];
        w.alive[w.alive_count] = t, w.alive_count += there;
    }
    values(n - 1);
}

// Takes from order n's n-grams, `before`, what those words need that had none of the next order.
void Scorer::values(int n) {
    Work& w = *work_;
    const View& view = model_.view(n);
    int count = 0;
    for (int a = 0; a < w.was_alive_count; ++a) {
        const int t = w.was_alive[a];
        w.found[count] = std::uint32_t(t), count += w.matched[t] == n;
    }
    for (int i = 0; i < count; ++i) view.prefetch_values(w.before[w.found[i]]);
    for (int i = 0; i < count; ++i) w.log_prob[w.found[i]] = view.log_prob(w.before[w.found[i]]);
    if (view.last) return;
    count = 0;
    for (int a = 0; a < w.was_alive_count; ++a) {
        const int t = w.was_alive[a] + 1;  // the word after
        w.found[count] = std::uint32_t(t), count += t < w.count && !w.fresh[t] && w.matched[t] <= n;
    }
    for (int i = 0; i < count; ++i) view.prefetch_values(w.before[w.found[i] - 1]);
    for (int i = 0; i < count; ++i) w.weight[w.found[i]] += view.backoff(w.before[w.found[i] - 1]);
}

void Scorer::work() {
    Work& w = *work_;
    for (int t = 0; t < w.count; ++t) w.matched[t] = 1, w.rank[t] = w.places[t] = w.words[t], w.alive[t] = t, w.weight[t] = 0;
    w.alive_count = w.count;
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
            at = word_end(at, stop, readable);
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
        TextScores& part = parts[std::size_t(i)];
        const std::size_t likely = pieces[std::size_t(i)].size() / 4;
        part.scores.log10.reserve(likely), part.scores.matched.reserve(likely), part.scores.unknown.reserve(likely);
        Sentences sentences{model, part, text.data() + text.size()};
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

#include "ngram/build/corpus.hpp"

#include <algorithm>
#include <stdexcept>

namespace ostinato::ngram {

namespace {

// Blank, tab, the ends of lines and pages.
bool is_space(unsigned char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// Whether the bytes are UTF-8 (RFC 3629).
bool is_utf8(std::string_view text) {
    for (std::size_t i = 0; i < text.size();) {
        const unsigned char first = text[i++];
        if (first < 0x80) continue;
        const int more = first >= 0xc2 && first < 0xe0 ? 1 : first >= 0xe0 && first < 0xf0 ? 2 : first >= 0xf0 && first < 0xf5 ? 3 : 0;
        if (more == 0 || text.size() - i < std::size_t(more)) return false;
        unsigned char low = 0x80, high = 0xbf;
        if (first == 0xe0) low = 0xa0;
        if (first == 0xed) high = 0x9f;
        if (first == 0xf0) low = 0x90;
        if (first == 0xf4) high = 0x8f;
        for (int k = 0; k < more; ++k, ++i, low = 0x80, high = 0xbf)
            if (static_cast<unsigned char>(text[i]) < low || static_cast<unsigned char>(text[i]) > high) return false;
    }
    return true;
}

const char* const words_only = "a word is one character or more of UTF-8, and no zero byte";

}  // namespace

Word Corpus::add(std::string_view word) {
    if (word.empty()) throw std::invalid_argument(std::string("a word is empty; ") + words_only);
    const Word known = vocabulary_.find(word);
    if (known != Vocabulary::none) return known;
    if (word.find('\0') != word.npos) throw std::invalid_argument(std::string("a word holds a zero byte; ") + words_only);
    if (!is_utf8(word)) throw std::invalid_argument(std::string("a word is not UTF-8; ") + words_only);
    return closed_ ? unknown : vocabulary_.add(word);
}

void Corpus::push(Word word) {
    if (tokens_.size() >= 0xfffffff0u) throw std::length_error("there are more than 2^32 words of text; take a part of it");
    tokens_.push(word);
}

void Corpus::token(std::string_view text) {
    Word word = vocabulary_.find(text);
    if (word == Vocabulary::none) {
        try {
            word = add(text);
        } catch (const std::invalid_argument& error) {
            throw std::invalid_argument("line " + std::to_string(line_) + ": " + error.what());
        }
    } else if (word <= end) {
        if (reserved_ == Reserved::skip) {
            ++skipped_;
            return;
        }
        if (reserved_ == Reserved::refuse || word != unknown)
            throw std::invalid_argument("line " + std::to_string(line_) + ": '" + std::string(text) +
                                        "' stands there as a word, and that name is a model's own; rename it, or have such words "
                                        "skipped (reserved = \"skip\")" +
                                        (word == unknown ? ", or taken for the unknown word (\"unknown\")" : ""));
    }
    unknown_ += word == unknown;
    if (!inside_) push(begin), inside_ = true;
    push(word);
}

void Corpus::end_of_line() {
    if (inside_)
        push(end), ++sentences_, inside_ = false;
    else
        ++blank_;
    ++line_;
}

void Corpus::read(const char* text, std::size_t bytes) {
    const char* const stop = text + bytes;
    const char* at = text;
    if (!unfinished_.empty()) {
        while (at < stop && !is_space(*at)) ++at;
        unfinished_.append(text, at);
        if (at == stop) return;
        token(unfinished_);
        unfinished_.clear();
    }
    while (at < stop) {
        if (is_space(*at)) {
            if (*at == '\n') end_of_line();
            ++at;
            continue;
        }
        const char* const from = at;
        while (at < stop && !is_space(*at)) ++at;
        if (at == stop)
            unfinished_.assign(from, at);
        else
            token({from, std::size_t(at - from)});
    }
}

void Corpus::end_of_file() {
    if (!unfinished_.empty()) token(unfinished_), unfinished_.clear();
    if (inside_) end_of_line();
    line_ = 1;
}

void Corpus::sentence(const Word* words, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        if (words[i] >= vocabulary_.size()) throw std::invalid_argument("word " + std::to_string(words[i]) + " is not in the vocabulary");
        if (words[i] == begin || words[i] == end)
            throw std::invalid_argument(std::string("'") + reserved_words[words[i]] + "' stands in a sentence; it is put around each, so leave it out");
    }
    if (count == 0) {
        ++blank_;
        return;
    }
    push(begin);
    for (std::size_t i = 0; i < count; ++i) push(words[i]), unknown_ += words[i] == unknown;
    push(end), ++sentences_;
}

void Corpus::limit(std::uint64_t most) {
    tokens_.finish();
    const std::vector<std::string>& words = vocabulary_.words();
    std::vector<std::uint64_t> counts(words.size(), 0);
    Reading<Word> reading(tokens_);
    for (std::uint64_t i = 0; i < tokens_.size(); ++i) ++counts[reading.next()];
    std::vector<Word> order;
    for (Word word = end + 1; word < words.size(); ++word) order.push_back(word);
    if (order.size() <= most) return;
    std::stable_sort(order.begin(), order.end(), [&](Word a, Word b) { return counts[a] > counts[b]; });
    order.resize(most);
    std::sort(order.begin(), order.end());
    std::vector<Word> becomes(words.size(), unknown);
    becomes[begin] = begin, becomes[end] = end;
    Vocabulary kept;
    for (Word word : order) becomes[word] = kept.add(words[word]);
    Writing<Word> writing(tokens_);
    for (std::uint64_t i = 0; i < tokens_.size(); ++i) {
        Word& word = writing.next();
        unknown_ += word != unknown && becomes[word] == unknown;
        word = becomes[word];
    }
    writing.finish();
    vocabulary_ = std::move(kept);
}

}  // namespace ostinato::ngram

#include "ngram/query/arpa.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

#include "ngram/vocabulary.hpp"

namespace ostinato::ngram {
namespace {

constexpr std::size_t longest_line = 1 << 20;

class Lines {
   public:
    explicit Lines(const Source& source) : source_(source), buffer_(2 * longest_line) {}

    std::uint64_t number() const { return number_; }
    std::uint64_t bytes() const { return read_; }

    // The next line without its end; false where there is none.
    bool next(std::string_view& line) {
        for (std::size_t looked = 0;;) {
            const char* from = buffer_.data() + at_;
            if (const void* found = std::memchr(from + looked, '\n', filled_ - at_ - looked)) {
                const std::size_t length = std::size_t(static_cast<const char*>(found) - from);
                line = {from, length}, at_ += length + 1;
                return ++number_, trim(line), true;
            }
            looked = filled_ - at_;
            if (looked > longest_line) throw ArpaError(number_ + 1, "the line is longer than 1 MiB");
            if (!more()) {
                if (!looked) return false;
                line = {buffer_.data() + at_, looked}, at_ = filled_;
                return ++number_, trim(line), true;
            }
        }
    }

   private:
    bool more() {
        std::memmove(buffer_.data(), buffer_.data() + at_, filled_ - at_);
        filled_ -= at_, at_ = 0;
        const std::size_t got = source_(buffer_.data() + filled_, buffer_.size() - filled_);
        if (got > buffer_.size() - filled_) throw std::length_error("a source gave more than was asked for");
        filled_ += got, read_ += got;
        return got > 0;
    }
    void trim(std::string_view& line) const {
        if (number_ == 1 && line.substr(0, 3) == "\xef\xbb\xbf") line.remove_prefix(3);
        while (!line.empty() && (line.back() == '\r' || line.back() == ' ' || line.back() == '\t')) line.remove_suffix(1);
        while (!line.empty() && (line.front() == ' ' || line.front() == '\t')) line.remove_prefix(1);
    }

    const Source& source_;
    std::vector<char> buffer_;
    std::size_t at_ = 0, filled_ = 0;
    std::uint64_t number_ = 0, read_ = 0;
};

std::string quoted(std::string_view text) {
    std::string shown(1, '\'');
    shown += text.substr(0, 60);
    return shown += text.size() > 60 ? "…'" : "'";
}

class Reader {
   public:
    Reader(const Source& source, const Watch& watch) : lines_(source), watch_(watch) {}

    std::unique_ptr<Table> read() {
        header();
        const int order = int(counts_.size());
        unigrams();
        auto table = std::make_unique<Table>(order, vocabulary_.words());
        for (Word word = 0; word < vocabulary_.size(); ++word)
            table->add(1, &word, unigrams_.log_prob[word], unigrams_.backoff[word]);
        for (int n = 2; n <= order; ++n) section(n, *table);
        if (line_ != "\\end\\") fail("there is " + quoted(line_) + " where \\end\\ should stand");
        table->finish();
        return table;
    }

    std::uint64_t line() const { return lines_.number(); }

   private:
    [[noreturn]] void fail(const std::string& what) const { throw ArpaError(lines_.number(), what); }

    // The next line with something on it.
    void next(const char* wanted) {
        do
            if (!lines_.next(line_)) fail(std::string("the file ends before ") + wanted + "; it was cut short");
        while (line_.empty());
    }

    void header() {
        do
            if (!lines_.next(line_)) throw ArpaError(1, "there is no line \\data\\, so this is no ARPA file");
        while (line_ != "\\data\\");
        for (next("\\1-grams:"); line_.front() != '\\'; next("\\1-grams:")) {
            const std::size_t at = line_.find('=');
            if (line_.substr(0, 5) != "ngram" || at == line_.npos) fail(quoted(line_) + " is not of the form 'ngram N=COUNT'");
            if (whole(line_.substr(5, at - 5)) != counts_.size() + 1)
                fail("the count of order " + std::to_string(counts_.size() + 1) + " should come here, not " + quoted(line_));
            if (counts_.size() == most_order) fail("the order is above " + std::to_string(most_order));
            counts_.push_back(whole(line_.substr(at + 1)));
        }
        if (counts_.empty()) fail("no count of n-grams stands after \\data\\");
    }

    std::uint64_t whole(std::string_view text) const {
        const std::size_t first = text.find_first_not_of(" \t"), last = text.find_last_not_of(" \t");
        if (first == text.npos) fail("a number is missing in " + quoted(line_));
        text = text.substr(first, last - first + 1);
        std::uint64_t value = 0;
        const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (error != std::errc() || stop != text.data() + text.size()) fail(quoted(text) + " is not a count");
        return value;
    }

    float number(std::string_view text, const char* what) const {
        float value = 0;
        const char* from = text.data() + (text.size() > 1 && text[0] == '+' ? 1 : 0);
        const auto [stop, error] = std::from_chars(from, text.data() + text.size(), value);
        if (error == std::errc::result_out_of_range && std::strtod(std::string(text).c_str(), nullptr) < 1 &&
            std::strtod(std::string(text).c_str(), nullptr) > -1)
            return 0;  // too small for a float
        if (error != std::errc() || stop != text.data() + text.size() || std::isnan(value) || value == INFINITY)
            fail(std::string(what) + " is " + quoted(text) + ", which is not a number that it can be");
        return value == -INFINITY ? log_zero : value;
    }

    // The fields of the line; false where there are more than `most`.
    template <std::size_t most>
    bool split(std::array<std::string_view, most>& fields, std::size_t& count) const {
        count = 0;
        for (std::size_t at = 0; at < line_.size();) {
            std::size_t stop = at;
            while (stop < line_.size() && line_[stop] != ' ' && line_[stop] != '\t') ++stop;
            if (stop > at) {
                if (count == most) return false;
                fields[count++] = line_.substr(at, stop - at);
            }
            at = stop + 1;
        }
        return true;
    }

    // Calls body(fields, log_prob, backoff) for each n-gram of a section, and goes to the first line after it.
    template <class Body>
    void each(int n, Body body) {
        std::string title(1, '\\');
        title += std::to_string(n), title += "-grams:";
        if (line_ != title) fail("there is " + quoted(line_) + " where " + title + " should stand");
        const bool highest = n == int(counts_.size());
        std::array<std::string_view, most_order + 2> fields;
        std::size_t count = 0;
        std::uint64_t found = 0;
        const char* following = highest ? "\\end\\" : "the n-grams of the next order";
        // A line that begins with a backslash is a title: a probability does not.
        for (next(following); line_.front() != '\\'; next(following)) {
            if (!split(fields, count) || (int(count) != n + 1 && int(count) != n + 2))
                fail("a line of order " + std::to_string(n) + " has a log-probability, " + std::to_string(n) +
                     (n == 1 ? " word" : " words") + (highest ? "" : " and perhaps a back-off") + ", not " + quoted(line_));
            const float log_prob = number(fields[0], "the log-probability");
            if (log_prob > 0) fail("the log-probability is " + std::string(fields[0]) + ", above 0");
            const float backoff = int(count) == n + 2 ? number(fields[n + 1], "the back-off") : 0;
            if (highest && backoff != 0) fail("an n-gram of the highest order has a back-off, " + quoted(fields[n + 1]));
            if (++found > counts_[n - 1])
                fail("there are more n-grams of order " + std::to_string(n) + " than the " +
                     std::to_string(counts_[n - 1]) + " that \\data\\ tells");
            body(fields, log_prob, backoff);
            watch_.now_and_then("read ARPA", lines_.number(), 0);
        }
        if (found != counts_[n - 1])
            fail("there are " + std::to_string(found) + " n-grams of order " + std::to_string(n) + ", not the " +
                 std::to_string(counts_[n - 1]) + " that \\data\\ tells");
    }

    void unigrams() {
        std::vector<bool> seen(3, false);
        unigrams_.log_prob.assign(3, log_zero), unigrams_.backoff.assign(3, 0);
        each(1, [&](const auto& fields, float log_prob, float backoff) {
            const Word word = vocabulary_.add(fields[1] == "<UNK>" ? "<unk>" : fields[1]);
            if (word >= seen.size()) seen.push_back(false), unigrams_.log_prob.push_back(0), unigrams_.backoff.push_back(0);
            if (seen[word]) fail("the word " + quoted(fields[1]) + " is there twice");
            seen[word] = true, unigrams_.log_prob[word] = log_prob, unigrams_.backoff[word] = backoff;
        });
    }

    void section(int n, Table& table) {
        Word words[most_order];
        each(n, [&](const auto& fields, float log_prob, float backoff) {
            for (int i = 0; i < n; ++i) {
                words[i] = vocabulary_.find(fields[i + 1] == "<UNK>" ? "<unk>" : fields[i + 1]);
                if (words[i] == Vocabulary::none) fail("the word " + quoted(fields[i + 1]) + " is not among the 1-grams");
            }
            table.add(n, words, log_prob, backoff);
        });
    }

    Lines lines_;
    const Watch& watch_;
    std::string_view line_;
    std::vector<std::uint64_t> counts_;
    Vocabulary vocabulary_;
    Block unigrams_;
};

}  // namespace

std::unique_ptr<Table> read_arpa(const Source& source, const Watch& watch) {
    Reader reader(source, watch);
    try {
        return reader.read();
    } catch (const ArpaError&) {
        throw;
    } catch (const std::invalid_argument& error) {  // of the n-grams as a whole
        throw ArpaError(reader.line(), error.what());
    }
}

void write_arpa(Grams& grams, const Sink& sink, const Watch& watch) {
    std::string text = "\\data\\\n";
    const auto number = [&](float value) {
        char digits[32];
        text.append(digits, std::to_chars(digits, digits + sizeof(digits), value).ptr);
    };
    for (int n = 1; n <= grams.order(); ++n)
        text += "ngram " + std::to_string(n) + "=" + std::to_string(grams.count(n)) + "\n";
    const std::vector<std::string>& vocabulary = grams.vocabulary();
    for (const std::string& word : vocabulary)
        if (word.empty() || word.find_first_of(" \t\r\n") != word.npos)
            throw std::invalid_argument("the word " + quoted(word) + " has white space in it, which ends a word in an ARPA file");
    for (int n = 1; n <= grams.order(); ++n) {
        text += "\n\\" + std::to_string(n) + "-grams:\n";
        const auto stream = grams.open(n);
        std::uint64_t written = 0;
        for (Block block; stream->next(block); sink(text), text.clear(), watch("write ARPA", written, grams.count(n)))
            for (std::size_t i = 0; i < block.count(); ++i, ++written) {
                number(block.log_prob[i]);
                for (int w = 0; w < n; ++w) text += w ? ' ' : '\t', text += vocabulary[block.words[i * n + w]];
                if (n < grams.order()) text += '\t', number(block.backoff[i]);
                text += '\n';
            }
    }
    text += "\n\\end\\\n";
    sink(text);
}

}  // namespace ostinato::ngram

// ARPA files: a back-off model as text (Doug Paul's format, as SRILM's manual page ngram-format(5) describes it).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "ngram/grams.hpp"
#include "ngram/query/table.hpp"
#include "ngram/watch.hpp"

namespace ostinato::ngram {

// Up to `size` bytes of what comes next into `to`; 0 at the end.
using Source = std::function<std::size_t(char* to, std::size_t size)>;
using Sink = std::function<void(std::string_view)>;

// What is wrong with a file, and in which line (1 is the first).
struct ArpaError : std::invalid_argument {
    ArpaError(std::uint64_t line, const std::string& what) : std::invalid_argument("line " + std::to_string(line) + ": " + what) {}
};

// The words' numbers are those of the order of the unigrams, after <unk>, <s> and </s>. A missing <unk>, <s> or </s> is
// added with log_zero, as is a missing back-off with 0; what a higher order needs and a lower one lacks is added with
// the probability it has anyhow (see Table). Everything else that is wrong is an ArpaError.
std::unique_ptr<Table> read_arpa(const Source& source, const Watch& watch);

// Numbers are as short as they can be while they are read as the same floats again.
void write_arpa(Grams& grams, const Sink& sink, const Watch& watch);

}  // namespace ostinato::ngram

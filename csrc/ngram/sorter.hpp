// Sorter: records put in order within a fixed memory; what does not fit waits on disk in sorted runs, which are merged.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <queue>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace ostinato::ngram {

// Record: a struct of plain numbers with a `std::uint64_t key`.
template <class Record>
class Sorter {
   public:
    // `folder` is where runs wait: in files without a name, gone with the process.
    Sorter(std::uint64_t memory, std::string folder)
        : room_(std::max<std::size_t>(std::size_t(memory / sizeof(Record) / 2), 1 << 10)), folder_(std::move(folder)) {}

    void reserve(std::uint64_t count) { held_.reserve(std::size_t(std::min<std::uint64_t>(count, room_))); }

    void add(const Record& record) {
        if (held_.size() == room_) spill();
        held_.push_back(record);
    }

    // Calls body(record) for each, the least key first.
    template <class Body>
    void drain(Body body) {
        if (runs_.empty()) {
            sort();
            for (const Record& record : held_) body(record);
            std::vector<Record>().swap(held_);
            return;
        }
        spill();
        std::vector<Record>().swap(held_), std::vector<Record>().swap(other_);
        std::vector<Run> runs;
        const std::size_t each = std::max<std::size_t>(room_ / runs_.size(), 64);
        using Next = std::pair<std::uint64_t, std::size_t>;
        std::priority_queue<Next, std::vector<Next>, std::greater<>> queue;
        for (auto& file : runs_) {
            std::rewind(file.get());
            runs.push_back({file.get(), {}, 0});
            if (runs.back().more(each)) queue.push({runs.back().now().key, runs.size() - 1});
        }
        while (!queue.empty()) {
            const std::size_t which = queue.top().second;
            queue.pop();
            Run& run = runs[which];
            body(run.now());
            if (++run.at < run.block.size() || run.more(each)) queue.push({run.now().key, which});
        }
        runs_.clear();
    }

   private:
    struct Run {
        std::FILE* file;
        std::vector<Record> block;
        std::size_t at;
        const Record& now() const { return block[at]; }
        bool more(std::size_t count) {
            block.resize(count), at = 0;
            block.resize(std::fread(block.data(), sizeof(Record), count, file));
            if (block.empty() && std::ferror(file)) throw std::system_error(errno, std::generic_category(), "read back what was sorted");
            return !block.empty();
        }
    };
    struct Close {
        void operator()(std::FILE* file) const { std::fclose(file); }
    };

    // By some bits of the key at a time, those first that matter least.
    void sort() {
        std::uint64_t greatest = 0;
        bool sorted = true;
        for (std::size_t i = 0; i < held_.size(); ++i) {
            greatest |= held_[i].key;
            sorted = sorted && (!i || held_[i - 1].key <= held_[i].key);
        }
        if (sorted) return;
        other_.resize(held_.size());
        constexpr int most = 13;
        const int width = int(std::bit_width(greatest)), passes = (width + most - 1) / most, bits = (width + passes - 1) / passes;
        std::vector<std::size_t> begins;
        for (int shift = 0; shift < width; shift += bits) {
            const auto digit = [&](const Record& record) { return (record.key >> shift) & ((1u << bits) - 1); };
            begins.assign(std::size_t(1) << bits, 0);
            for (const Record& record : held_) ++begins[digit(record)];
            std::size_t before = 0;
            for (std::size_t& begin : begins) before += std::exchange(begin, before);
            for (const Record& record : held_) other_[begins[digit(record)]++] = record;
            held_.swap(other_);
        }
    }

    void spill() {
        if (held_.empty()) return;
        sort();
        runs_.emplace_back(unnamed(folder_));
        if (std::fwrite(held_.data(), sizeof(Record), held_.size(), runs_.back().get()) != held_.size() || std::fflush(runs_.back().get()))
            throw std::system_error(errno, std::generic_category(), "write what was sorted");
        held_.clear();
    }

    static std::FILE* unnamed(const std::string& folder) {
        std::string name = folder + "/ostinato-XXXXXX";
        const int descriptor = mkstemp(name.data());
        if (descriptor < 0) throw std::system_error(errno, std::generic_category(), "make a file in " + folder);
        unlink(name.c_str());
        return fdopen(descriptor, "w+b");
    }

    std::size_t room_;
    std::string folder_;
    std::vector<Record> held_, other_;
    std::vector<std::unique_ptr<std::FILE, Close>> runs_;
};

}  // namespace ostinato::ngram

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

#include "parallel.hpp"

namespace ostinato::ngram {

// Record: a struct of plain numbers with a `std::uint64_t key`.
template <class Record>
class Sorter {
   public:
    // `folder` is where runs wait: in files without a name, gone with the process.
    // No more than `count` records will come.
    Sorter(std::uint64_t count, std::uint64_t memory, std::string folder)
        : room_(std::size_t(std::min(count, std::max<std::uint64_t>(memory / sizeof(Record) / 2, 1 << 10)))),
          folder_(std::move(folder)), held_(allocated()), other_(allocated()) {}

    void add(const Record& record) {
        if (size_ == room_) spill();
        held_[size_++] = record;
    }

    // Calls body(record) for each, the least key first; before that, soon(record), most of the time.
    template <class Soon, class Body>
    void drain(Soon soon, Body body) {
        constexpr std::size_t ahead = 16;
        if (runs_.empty()) {
            sort();
            for (std::size_t i = 0; i < size_; ++i) {
                if (i + ahead < size_) soon(held_[i + ahead]);
                body(held_[i]);
            }
            held_.reset(), other_.reset();
            return;
        }
        spill();
        held_.reset(), other_.reset();
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
    struct Free {
        void operator()(Record* records) const { std::free(records); }
    };
    using Records = std::unique_ptr<Record[], Free>;
    Records allocated() const { return Records(static_cast<Record*>(large_memory(std::max<std::size_t>(room_, 1) * sizeof(Record)))); }

    struct Close {
        void operator()(std::FILE* file) const { std::fclose(file); }
    };

    // By some bits of the key at a time, those first that matter least; each half's records in their order.
    void sort() {
        std::uint64_t greatest = 0;
        bool sorted = true;
        for (std::size_t i = 0; i < size_; ++i) {
            greatest |= held_[i].key;
            sorted = sorted && (!i || held_[i - 1].key <= held_[i].key);
        }
        if (sorted) return;
        constexpr int most = 13;
        const int width = int(std::bit_width(greatest)), passes = (width + most - 1) / most, bits = (width + passes - 1) / passes;
        Pass pass{held_.get(), other_.get(), size_, 0, (1u << bits) - 1, {}};
        for (int i = 0; i < passes; ++i, pass.shift += bits) {
            for (auto& begins : pass.begins) begins.assign(std::size_t(1) << bits, 0);
            run_parallel(2, [](void* given, int half) { static_cast<Pass*>(given)->count(half); }, &pass);
            std::size_t before = 0;
            for (std::size_t digit = 0; digit >> bits == 0; ++digit)
                for (auto& begins : pass.begins) before += std::exchange(begins[digit], before);
            run_parallel(2, [](void* given, int half) { static_cast<Pass*>(given)->move(half); }, &pass);
            std::swap(pass.from, pass.to), held_.swap(other_);
        }
    }

    struct Pass {
        Record *from, *to;
        std::size_t size;
        int shift;
        std::uint64_t mask;
        std::vector<std::size_t> begins[2];
        template <class Each>
        void each(int half, Each call) const {
            for (std::size_t i = half ? size / 2 : 0; i < (half ? size : size / 2); ++i) call(from[i], (from[i].key >> shift) & mask);
        }
        void count(int half) {
            each(half, [&](const Record&, std::uint64_t digit) { ++begins[half][digit]; });
        }
        void move(int half) {
            each(half, [&](const Record& record, std::uint64_t digit) { to[begins[half][digit]++] = record; });
        }
    };

    void spill() {
        if (!size_) return;
        sort();
        runs_.emplace_back(unnamed(folder_));
        if (std::fwrite(held_.get(), sizeof(Record), size_, runs_.back().get()) != size_ || std::fflush(runs_.back().get()))
            throw std::system_error(errno, std::generic_category(), "write what was sorted");
        size_ = 0;
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
    Records held_, other_;
    std::size_t size_ = 0;
    std::vector<std::unique_ptr<std::FILE, Close>> runs_;
};

}  // namespace ostinato::ngram

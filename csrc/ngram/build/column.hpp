// Column: one number for each of many n-grams, one after another, in memory or in a temporary file.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace ostinato::ngram {

// Where columns are kept.
struct Store {
    bool disk = false;
    std::string folder;                      // of temporary files
    std::size_t block = std::size_t(1) << 18;  // bytes read or written at once
};

// A file without a name: it is gone when it is closed, however the process ends. Throws std::system_error.
class Nameless {
   public:
    explicit Nameless(const std::string& folder);
    Nameless(const Nameless&) = delete;
    Nameless& operator=(const Nameless&) = delete;
    ~Nameless();
    void write(const void* from, std::size_t bytes, std::uint64_t at);
    void read(void* to, std::size_t bytes, std::uint64_t at) const;
    void extend(std::uint64_t bytes);  // with zeros

   private:
    [[noreturn]] void fail(const char* what) const;
    std::string folder_;
    int descriptor_ = -1;
};

template <class T>
class Column {
    static_assert(std::is_trivially_copyable_v<T>);
    struct Free {
        void operator()(T* memory) const { std::free(memory); }
    };

   public:
    Column() = default;
    explicit Column(const Store& store) : block_(std::max<std::size_t>(1, store.block / sizeof(T))) {
        if (store.disk) file_ = std::make_unique<Nameless>(store.folder), room(block_);
    }
    // Of zeros, to be written in place.
    Column(const Store& store, std::uint64_t count) : Column(store) {
        if (file_) {
            file_->extend(count * sizeof(T)), written_ = count;
        } else if (count) {
            data_.reset(static_cast<T*>(std::calloc(count, sizeof(T))));
            if (!data_) throw std::bad_alloc();
            used_ = room_ = count;
        }
    }

    void reserve(std::uint64_t count) {
        if (!file_ && count > room_) room(count);
    }
    void push(T value) {
        if (used_ == room_) more();
        data_.get()[used_++] = value;
    }
    // After the last push, before the first reading.
    void finish() {
        if (file_ && used_) flush();
        if (file_) room(0);
    }
    std::uint64_t size() const { return written_ + used_; }
    bool on_disk() const { return file_ != nullptr; }
    std::size_t block() const { return block_; }
    T* data() const { return data_.get(); }  // where it is in memory
    Nameless& file() const { return *file_; }

    // Elements [from, to), which stand at the address given back: in `kept` where they come from a file.
    const T* window(std::uint64_t from, std::uint64_t to, std::vector<T>& kept) const {
        if (!file_) return data() + from;
        kept.resize(to - from);
        if (to > from) file_->read(kept.data(), (to - from) * sizeof(T), from * sizeof(T));
        return kept.data();
    }

   private:
    void more() {
        if (file_)
            flush();
        else
            room(room_ + room_ / 2 + 1024);
    }
    void flush() {
        file_->write(data_.get(), used_ * sizeof(T), written_ * sizeof(T));
        written_ += used_, used_ = 0;
    }
    void room(std::size_t count) {
        if (count == 0) {
            data_.reset(), room_ = 0;
            return;
        }
        T* memory = static_cast<T*>(std::realloc(data_.get(), count * sizeof(T)));
        if (!memory) throw std::bad_alloc();
        data_.release(), data_.reset(memory), room_ = count;
    }

    std::unique_ptr<T, Free> data_;
    std::unique_ptr<Nameless> file_;
    std::size_t block_ = 1, used_ = 0, room_ = 0;
    std::uint64_t written_ = 0;
};

// Elements in order from a place on. Who reads past the end reads nonsense.
template <class T>
class Reading {
   public:
    explicit Reading(const Column<T>& column, std::uint64_t from = 0, std::size_t block = 0) : column_(&column), following_(from) {
        if (column.on_disk()) {
            block_ = block ? block : column.block();
        } else {
            at_ = column.data() + from, end_ = column.data() + column.size();
        }
    }
    T next() {
        if (at_ == end_) more();
        return *at_++;
    }
    // One that comes `count` later, or the last at hand: to have what it speaks of fetched in time.
    T ahead(std::ptrdiff_t count) {
        if (at_ == end_) more();
        return at_[std::min(count, end_ - at_ - 1)];
    }
    void skip(std::uint64_t count) {
        const std::uint64_t here = end_ - at_;
        if (count <= here)
            at_ += count;
        else
            following_ += count - here, at_ = end_;
    }

   private:
    void more() {
        buffer_.resize(block_);
        const std::uint64_t count = std::min<std::uint64_t>(block_, column_->size() - following_);
        column_->file().read(buffer_.data(), count * sizeof(T), following_ * sizeof(T));
        following_ += count, at_ = buffer_.data(), end_ = at_ + count;
    }

    const Column<T>* column_;
    std::uint64_t following_;  // of a file: the first element that is not in the buffer
    std::size_t block_ = 0;
    std::vector<T> buffer_;
    const T *at_ = nullptr, *end_ = nullptr;
};

// Elements in order from a place on, to be changed; `finish` when done.
template <class T>
class Writing {
   public:
    explicit Writing(Column<T>& column, std::uint64_t from = 0) : column_(&column), following_(from) {
        if (!column.on_disk()) at_ = column.data() + from, end_ = column.data() + column.size();
    }
    T& next() {
        if (at_ == end_) more();
        changed_ = true;
        return *at_++;
    }
    void skip(std::uint64_t count) {
        const std::uint64_t here = end_ - at_;
        if (count <= here) {
            at_ += count;
        } else {
            finish();
            following_ += count - here, at_ = end_;
        }
    }
    void finish() {
        if (!buffer_.empty() && changed_) {
            const std::uint64_t count = end_ - buffer_.data();
            column_->file().write(buffer_.data(), count * sizeof(T), (following_ - count) * sizeof(T));
        }
        changed_ = false;
    }

   private:
    void more() {
        finish();
        buffer_.resize(column_->block());
        const std::uint64_t count = std::min<std::uint64_t>(buffer_.size(), column_->size() - following_);
        column_->file().read(buffer_.data(), count * sizeof(T), following_ * sizeof(T));
        following_ += count, at_ = buffer_.data(), end_ = at_ + count;
    }

    Column<T>* column_;
    std::uint64_t following_;
    bool changed_ = false;
    std::vector<T> buffer_;
    T *at_ = nullptr, *end_ = nullptr;
};

}  // namespace ostinato::ngram

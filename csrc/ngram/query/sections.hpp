// A file that is written section by section, several at once.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>

#include "ngram/query/frozen.hpp"

namespace ostinato::ngram {

class OutputFile {
   public:
    explicit OutputFile(const std::string& path) : descriptor_(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)) {
        if (descriptor_ < 0) fail("open");
    }
    OutputFile(const OutputFile&) = delete;
    ~OutputFile() { ::close(descriptor_); }

    void write(std::uint64_t offset, const void* data, std::size_t bytes) {
        for (const char* from = static_cast<const char*>(data); bytes;) {
            const ssize_t done = ::pwrite(descriptor_, from, bytes, off_t(offset));
            if (done < 0 && errno == EINTR) continue;
            if (done <= 0) fail("write");
            from += done, offset += std::uint64_t(done), bytes -= std::size_t(done);
        }
    }
    void read(std::uint64_t offset, void* data, std::size_t bytes) const {
        for (char* to = static_cast<char*>(data); bytes;) {
            const ssize_t done = ::pread(descriptor_, to, bytes, off_t(offset));
            if (done < 0 && errno == EINTR) continue;
            if (done <= 0) fail("read");
            to += done, offset += std::uint64_t(done), bytes -= std::size_t(done);
        }
    }
    // Room for so many bytes at the end, from a multiple of 8 on, and 8 more that may be read.
    std::uint64_t reserve(std::uint64_t bytes) {
        const std::uint64_t at = end_;
        end_ += (bytes + 7) / 8 * 8 + 8;
        return at;
    }
    // The caller brings it to the disk: see ostinato.files.
    void close_at_end() {
        if (::ftruncate(descriptor_, off_t(end_))) fail("finish");
    }
    std::uint64_t bytes() const { return end_; }

   private:
    [[noreturn]] static void fail(const char* what) { throw std::system_error(errno ? errno : EIO, std::generic_category(), what); }
    int descriptor_;
    std::uint64_t end_ = 0;
};

// One section, from its first byte on.
class SectionWriter {
   public:
    SectionWriter(OutputFile& file, std::uint64_t bytes) : file_(file), section_{file.reserve(bytes), bytes, 0}, buffer_(new char[buffered]) {}
    void add(const void* data, std::size_t bytes) {
        for (const char* from = static_cast<const char*>(data); bytes;) {
            const std::size_t fits = std::min(bytes, buffered - filled_);
            std::memcpy(buffer_.get() + filled_, from, fits);
            filled_ += fits, from += fits, bytes -= fits;
            if (filled_ == buffered) flush();
        }
    }
    template <class T>
    void add(const T& value) {
        if (filled_ + sizeof(T) > buffered) return add(&value, sizeof(T));
        std::memcpy(buffer_.get() + filled_, &value, sizeof(T));
        filled_ += sizeof(T);
    }
    // In `bits` bits.
    void add_bits(std::uint64_t value, std::uint32_t bits) {
        pending_ |= value << held_, held_ += bits;
        for (; held_ >= 32; pending_ >>= 32, held_ -= 32) add(std::uint32_t(pending_));
    }
    frozen::Section finish() {
        for (; held_ > 0; pending_ >>= 8, held_ -= std::min(held_, 8u)) add(std::uint8_t(pending_));
        flush();
        if (written_ != section_.bytes) throw std::logic_error("a section has another size than was reserved for it");
        section_.checksum = sum_.value();
        return section_;
    }

   private:
    static constexpr std::size_t buffered = 1 << 18;
    void flush() {
        file_.write(section_.offset + written_, buffer_.get(), filled_);
        sum_.add(buffer_.get(), filled_);
        written_ += filled_, filled_ = 0;
    }
    OutputFile& file_;
    frozen::Section section_;
    frozen::Checksum sum_;
    std::unique_ptr<char[]> buffer_;
    std::size_t filled_ = 0;
    std::uint64_t written_ = 0, pending_ = 0;
    std::uint32_t held_ = 0;
};

}  // namespace ostinato::ngram

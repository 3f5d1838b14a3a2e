#include "ngram/build/column.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace ostinato::ngram {

Nameless::Nameless(const std::string& folder) : folder_(folder) {
    std::string name = folder + "/ngram-XXXXXX";
    descriptor_ = mkstemp(name.data());
    if (descriptor_ < 0) fail("a temporary file cannot be made");
    unlink(name.c_str());
    fcntl(descriptor_, F_SETFD, FD_CLOEXEC);
}

Nameless::~Nameless() {
    if (descriptor_ >= 0) close(descriptor_);
}

void Nameless::fail(const char* what) const {
    throw std::system_error(errno ? errno : EIO, std::generic_category(), folder_ + ": " + what);
}

void Nameless::write(const void* from, std::size_t bytes, std::uint64_t at) {
    for (const char* next = static_cast<const char*>(from); bytes;) {
        const ssize_t done = pwrite(descriptor_, next, bytes, off_t(at));
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) fail("a temporary file cannot be written");
        next += done, at += std::uint64_t(done), bytes -= std::size_t(done);
    }
}

void Nameless::read(void* to, std::size_t bytes, std::uint64_t at) const {
    for (char* next = static_cast<char*>(to); bytes;) {
        const ssize_t done = pread(descriptor_, next, bytes, off_t(at));
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) fail("a temporary file cannot be read");
        next += done, at += std::uint64_t(done), bytes -= std::size_t(done);
    }
}

void Nameless::extend(std::uint64_t bytes) {
    if (ftruncate(descriptor_, off_t(bytes))) fail("a temporary file cannot be written");
}

}  // namespace ostinato::ngram

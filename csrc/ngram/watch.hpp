// Watch: long work tells how far it is, and whom it tells may stop it by throwing.
#pragma once

#include <cstdint>
#include <functional>
#include <thread>
#include <utility>

namespace ostinato::ngram {

class Watch {
   public:
    using Told = std::function<void(const char* what, std::uint64_t done, std::uint64_t total)>;
    Watch() = default;
    explicit Watch(Told told) : told_(std::move(told)), owner_(std::this_thread::get_id()) {}

    // Heard from the thread that started the work; the others work in silence.
    void operator()(const char* what, std::uint64_t done, std::uint64_t total) const {
        if (told_ && std::this_thread::get_id() == owner_) told_(what, done, total);
    }
    // The same, from a loop: now and then.
    void now_and_then(const char* what, std::uint64_t done, std::uint64_t total) const {
        if ((done & 0xffff) == 0) (*this)(what, done, total);
    }

   private:
    Told told_;
    std::thread::id owner_;
};

}  // namespace ostinato::ngram

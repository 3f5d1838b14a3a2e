#include "parallel.hpp"

#include <dlfcn.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace ostinato {
namespace {

constexpr int spins_before_sleep = 2000;

void breathe() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

class Pool {
   public:
    ~Pool() {
        {
            std::lock_guard<std::mutex> lock(mutex_);
            stopping_ = true;
            region_.fetch_add(1, std::memory_order_release);
        }
        wake_.notify_all();
        for (auto& worker : workers_) worker.join();
    }

    void run(int count, void (*body)(void*, int), void* context) {
        if (count <= 1 || !begin(count)) {
            for (int i = 0; i < count; ++i) body(context, i);
            return;
        }
        shares(count, body, context);
    }

    // As run, with as many shares as there are threads for them, at most `wanted`, told to `members` before the first
    // starts. False where the pool is busy.
    bool run_together(int wanted, int& members, void (*body)(void*, int), void* context) {
        if (!begin(wanted)) return false;
        const int threads = int(workers_.size()) + 1;
        members = threads < wanted ? threads : wanted;
        shares(members, body, context);
        return true;
    }

   private:
    bool begin(int count) {
        bool idle = false;
        if (!busy_.compare_exchange_strong(idle, true, std::memory_order_acquire)) return false;
        hire(count - 1);
        return true;
    }

    void shares(int count, void (*body)(void*, int), void* context) {
        body_ = body, context_ = context, count_ = count;
        next_.store(0, std::memory_order_relaxed);
        inside_.store(int(workers_.size()), std::memory_order_relaxed);
        {
            std::lock_guard<std::mutex> lock(mutex_);
            region_.fetch_add(1, std::memory_order_release);
        }
        wake_.notify_all();
        take_shares();
        for (int spin = 0; inside_.load(std::memory_order_acquire) != 0; ++spin) {
            if (spin < spins_before_sleep) {
                breathe();
            } else {
                std::unique_lock<std::mutex> lock(mutex_);
                done_.wait(lock, [this] { return inside_.load(std::memory_order_acquire) == 0; });
            }
        }
        std::exception_ptr failure = std::exchange(failure_, nullptr);
        busy_.store(false, std::memory_order_release);
        if (failure) std::rethrow_exception(failure);
    }

    // Where the system gives no more threads, the ones there are do the work.
    void hire(int wanted) try {
        while (int(workers_.size()) < wanted) {
            // The number of the current region goes along: a worker that starts late must not miss the next one.
            workers_.emplace_back([this, seen = region_.load(std::memory_order_relaxed)] { work(seen); });
        }
    } catch (const std::system_error&) {
    }

    // Only memory can fail here: the caller gets that exception once every share is finished.
    void take_shares() try {
        for (int i; (i = next_.fetch_add(1, std::memory_order_relaxed)) < count_;) body_(context_, i);
    } catch (...) {
        std::lock_guard<std::mutex> lock(mutex_);
        failure_ = std::current_exception();
    }

    void work(std::uint64_t seen) {
        for (;;) {
            for (int spin = 0; spin < spins_before_sleep && region_.load(std::memory_order_acquire) == seen; ++spin)
                breathe();
            if (region_.load(std::memory_order_acquire) == seen) {
                std::unique_lock<std::mutex> lock(mutex_);
                wake_.wait(lock, [&] { return region_.load(std::memory_order_acquire) != seen; });
            }
            seen = region_.load(std::memory_order_acquire);
            if (stopping_.load(std::memory_order_relaxed)) return;
            take_shares();
            if (inside_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
                std::lock_guard<std::mutex> lock(mutex_);
                done_.notify_one();
            }
        }
    }

    std::atomic<bool> busy_{false};
    std::atomic<bool> stopping_{false};
    std::atomic<std::uint64_t> region_{0};
    std::atomic<int> next_{0};
    std::atomic<int> inside_{0};
    void (*body_)(void*, int) = nullptr;
    void* context_ = nullptr;
    int count_ = 0;
    std::exception_ptr failure_;
    std::mutex mutex_;
    std::condition_variable wake_, done_;
    std::vector<std::thread> workers_;
};

// The child of a fork has none of its parent's threads: it leaves the parent's pool where it is, unusable and
// unreleased, and starts another at its first region.
struct Owner {
    std::atomic<Pool*> pool{nullptr};
    std::mutex mutex;
    ~Owner() { delete pool.exchange(nullptr); }
};
Owner owner;
std::once_flag fork_watched;
std::atomic<bool> forked{false};

void watch_forks() {
    std::call_once(fork_watched, [] {
        pthread_atfork([] { owner.mutex.lock(); }, [] { owner.mutex.unlock(); },
                       [] {
                           forked = true;
                           owner.pool.store(nullptr, std::memory_order_release);
                           owner.mutex.unlock();
                       });
    });
}

// The shares of one region, for threads that are not ours.
struct Shares {
    void (*body)(void*, int);
    void* context;
    int count;
    std::atomic<int> next{0};
    std::mutex mutex{};
    std::exception_ptr failure{};

    void take() try {
        for (int i; (i = next.fetch_add(1, std::memory_order_relaxed)) < count;) body(context, i);
    } catch (...) {
        std::lock_guard<std::mutex> lock(mutex);
        failure = std::current_exception();
    }
};

// Two pools on the same cores are slower than one: each one's idle threads spin where the other's should work. So where
// the process has GNU OpenMP loaded for all to see, as torch does, regions run on its team. Its threads do not survive
// a fork; the child falls back to a pool of ours.
struct Team {
    void (*run)(void (*)(void*), void*, unsigned, unsigned);
    int (*member)();
    int (*members)();
};
const Team* borrowed_team() {
    static const Team team = [] {
        const auto find = [](const char* name) { return dlsym(RTLD_DEFAULT, name); };
        Team found{reinterpret_cast<decltype(Team::run)>(find("GOMP_parallel")),
                   reinterpret_cast<decltype(Team::member)>(find("omp_get_thread_num")),
                   reinterpret_cast<decltype(Team::members)>(find("omp_get_num_threads"))};
        if (!found.member || !found.members) found.run = nullptr;
        return found;
    }();
    return team.run && !forked.load(std::memory_order_relaxed) ? &team : nullptr;
}

Pool& pool() {
    Pool* current = owner.pool.load(std::memory_order_acquire);
    if (current) return *current;
    std::lock_guard<std::mutex> lock(owner.mutex);
    if (!owner.pool.load(std::memory_order_relaxed)) owner.pool.store(new Pool, std::memory_order_release);
    return *owner.pool.load(std::memory_order_relaxed);
}

struct Scratch {
    void* memory[int(Slot::count)] = {};
    std::size_t bytes[int(Slot::count)] = {};
    ~Scratch() {
        for (void* each : memory) std::free(each);
    }
};
thread_local Scratch held;

}  // namespace

void run_parallel(int count, void (*body)(void*, int), void* context) {
    if (count <= 1) {
        if (count == 1) body(context, 0);
        return;
    }
    watch_forks();
    if (const Team* team = borrowed_team()) {
        Shares shares{body, context, count};
        team->run([](void* all) { static_cast<Shares*>(all)->take(); }, &shares, unsigned(count), 0);
        if (shares.failure) std::rethrow_exception(shares.failure);
        return;
    }
    pool().run(count, body, context);
}

void run_team(int wanted, void (*body)(void*, int, int), void* context) {
    if (wanted <= 1) {
        body(context, 0, 1);
        return;
    }
    watch_forks();
    struct Call {
        void (*body)(void*, int, int);
        void* context;
        int members;
        const Team* team;
    } call{body, context, 1, borrowed_team()};
    if (call.team) {
        call.team->run(
            [](void* given) {
                const Call& call = *static_cast<Call*>(given);
                call.body(call.context, call.team->member(), call.team->members());
            },
            &call, unsigned(wanted), 0);
        return;
    }
    const auto member = [](void* given, int i) {
        const Call& call = *static_cast<Call*>(given);
        call.body(call.context, i, call.members);
    };
    // Each thread of the pool takes one share and waits in it for the others, so there are no more shares than threads.
    if (!pool().run_together(wanted, call.members, member, &call)) body(context, 0, 1);
}

void Barrier::wait(int team) {
    if (team == 1) return;
    const int round = round_.load(std::memory_order_relaxed);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == team) {
        arrived_.store(0, std::memory_order_relaxed);
        round_.store(round + 1, std::memory_order_release);
        return;
    }
    for (int spin = 0; round_.load(std::memory_order_acquire) == round; ++spin)
        if (spin < spins_before_sleep)
            breathe();
        else
            std::this_thread::yield();
}

namespace {

class NoMemory : public std::bad_alloc {
   public:
    explicit NoMemory(std::size_t bytes) {
        std::snprintf(what_, sizeof(what_), "ostinato: there are no %zu bytes of memory to work in; give fewer rows at once.", bytes);
    }
    const char* what() const noexcept override { return what_; }

   private:
    char what_[128];
};

}  // namespace

void* large_memory(std::size_t bytes) {
    constexpr std::size_t small = 64, page = std::size_t(2) << 20;
    const std::size_t unit = bytes >= page / 2 ? page : small;
    const std::size_t rounded = (bytes + unit - 1) / unit * unit;
    void* memory = std::aligned_alloc(unit, rounded);
    if (!memory) throw NoMemory(rounded);
#if defined(MADV_HUGEPAGE)
    if (unit == page) madvise(memory, rounded, MADV_HUGEPAGE);  // a wish: without it everything works, slower
#endif
    return memory;
}

void* scratch(Slot slot, std::size_t bytes) {
    std::size_t rounded = (bytes + 4095) / 4096 * 4096;
    void*& memory = held.memory[int(slot)];
    std::size_t& size = held.bytes[int(slot)];
    if (size < rounded) {
        std::free(memory);
        size = 0;
        memory = nullptr;
        memory = large_memory(rounded);
        size = rounded;
    }
    return memory;
}

std::size_t second_cache_bytes() {
    static const std::size_t bytes = [] {
#if defined(_SC_LEVEL2_CACHE_SIZE)
        long found = sysconf(_SC_LEVEL2_CACHE_SIZE);
        if (found > 0) return std::size_t(found);
#endif
        return std::size_t(512) * 1024;
    }();
    return bytes;
}

}  // namespace ostinato

// The pool: every index once, from many callers at once, after a failure, and in the child of a fork.
#include "parallel.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <new>
#include <thread>

#include "check.hpp"

namespace {

template <class Body>
void region(int count, Body body) {
    ostinato::run_parallel(count, [](void* context, int i) { (*static_cast<Body*>(context))(i); }, &body);
}

bool every_index_once(int count) {
    std::vector<std::atomic<int>> seen(count);
    region(count, [&](int i) { ++seen[i]; });
    for (auto& each : seen)
        if (each != 1) return false;
    return true;
}

}  // namespace

int main() {
    for (int round = 0; round < 2000; ++round) CHECK(every_index_once(1 + round % 4), "round %d", round);
    std::vector<std::thread> callers;
    std::atomic<int> right{0};
    for (int i = 0; i < 4; ++i)
        callers.emplace_back([&] {
            for (int round = 0; round < 300; ++round) right += every_index_once(3);
        });
    for (auto& caller : callers) caller.join();
    CHECK(right == 1200, "%d", right.load());
    region(2, [](int) { CHECK(every_index_once(2), "a region inside a region"); });
    bool thrown = false;
    try {
        region(3, [](int i) { if (i == 1) throw std::bad_alloc(); });
    } catch (const std::bad_alloc&) {
        thrown = true;
    }
    CHECK(thrown && every_index_once(3), "after a failure");
#if !defined(__SANITIZE_THREAD__)  // which forbids threads in the child of a threaded parent
    if (pid_t child = fork(); child == 0) {
        _exit(every_index_once(3) ? 0 : 1);
    } else {
        int status = 1;
        waitpid(child, &status, 0);
        CHECK(status == 0, "child: %d", status);
    }
#endif
    CHECK(ostinato::second_cache_bytes() >= 64 * 1024, "cache");
    return failures != 0;
}

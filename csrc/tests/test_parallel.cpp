// Regions and teams: every index and member once, from many callers at once, inside one another, after a failure, and in
// the child of a fork; on our own pool, or on GNU OpenMP's where the first argument is `borrowed`.
#include "parallel.hpp"

#include <dlfcn.h>
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

template <class Body>
void together(int wanted, Body body) {
    ostinato::run_team(wanted, [](void* context, int member, int team) { (*static_cast<Body*>(context))(member, team); }, &body);
}

// Plain numbers, written by one member and read by the others on the far side of a barrier: a barrier that let one
// through too early or too late would show, to a reader or to the thread sanitizer.
bool members_meet(int wanted, int rounds) {
    ostinato::Barrier barrier;
    std::vector<int> reached(wanted, -1), wrong(wanted, 0);
    std::atomic<int> entered{0}, size{0};
    together(wanted, [&](int member, int team) {
        ++entered, size = team;
        if (member < 0 || member >= team || team > wanted) std::abort();
        for (int round = 0; round < rounds; ++round) {
            reached[member] = round;
            barrier.wait(team);
            for (int other = 0; other < team; ++other) wrong[member] += reached[other] != round;
            barrier.wait(team);
        }
    });
    int missed = entered != size || size < 1;
    for (int member = 0; member < size; ++member) missed += wrong[member] + (reached[member] != rounds - 1);
    return missed == 0;
}

}  // namespace

int main(int count, char** arguments) {
    if (count > 1 && std::string(arguments[1]) == "borrowed" && !dlopen("libgomp.so.1", RTLD_NOW | RTLD_GLOBAL)) {
        std::printf("there is no libgomp.so.1: nothing tested\n");
        return 0;
    }
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
    for (int round = 0; round < 500; ++round) CHECK(members_meet(1 + round % 5, 1 + round % 7), "team, round %d", round);
    CHECK(members_meet(3, 5000), "many rounds");
    callers.clear(), right = 0;
    for (int i = 0; i < 4; ++i)
        callers.emplace_back([&] {
            // Who finds the pool taken is a team of one; regions and teams take turns.
            for (int round = 0; round < 200; ++round) right += members_meet(3, 5) && every_index_once(3);
        });
    for (auto& caller : callers) caller.join();
    CHECK(right == 800, "%d", right.load());
    region(2, [](int) { CHECK(members_meet(2, 10), "a team inside a region"); });
    together(2, [](int, int) { CHECK(every_index_once(2) && members_meet(2, 10), "a region and a team inside a team"); });
    bool thrown = false;
    try {
        region(3, [](int i) { if (i == 1) throw std::bad_alloc(); });
    } catch (const std::bad_alloc&) {
        thrown = true;
    }
    CHECK(thrown && every_index_once(3), "after a failure");
#if !defined(__SANITIZE_THREAD__)  // which forbids threads in the child of a threaded parent
    if (pid_t child = fork(); child == 0) {
        _exit(every_index_once(3) && members_meet(3, 10) ? 0 : 1);
    } else {
        int status = 1;
        waitpid(child, &status, 0);
        CHECK(status == 0, "child: %d", status);
    }
#endif
    CHECK(ostinato::second_cache_bytes() >= 64 * 1024, "cache");
    return failures != 0;
}

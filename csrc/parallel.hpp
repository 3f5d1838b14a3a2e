// Parallel regions of every kernel: one starts, each index runs once, the caller returns when all are done. They run on
// the OpenMP team that torch keeps, where there is one, and on one small pool of our own elsewhere, whose workers look
// for the next region for a few microseconds and then sleep.
#pragma once

#include <atomic>
#include <cstddef>

namespace ostinato {

// Runs body(context, i) for every i in [0, count), the caller taking its share. If another region is running the caller
// may do all of it alone, which gives the same result: no kernel's arithmetic depends on how its work is shared out.
void run_parallel(int count, void (*body)(void* context, int i), void* context);

// Runs body(context, member, team) on as many threads at once as there are, at most `wanted`: each member is one of
// `team`, all are running together and may wait for each other.
void run_team(int wanted, void (*body)(void* context, int member, int team), void* context);

// Where a team's members wait for each other.
class Barrier {
   public:
    void wait(int team);

   private:
    std::atomic<int> arrived_{0}, round_{0};
};

// Memory of the calling thread, 64-byte aligned, kept from call to call and valid until the thread asks again for the
// same slot. A slot belongs to one layer of code, so that nested uses do not collide.
enum class Slot { packed_left, packed_right, order, weights, records, states, staged, gradients, count };
void* scratch(Slot slot, std::size_t bytes);

// 64-byte aligned memory of its own, std::free's; on large pages where it is large and the system has them: a core's
// fetching ahead stops at the end of each page. Throws std::bad_alloc.
void* large_memory(std::size_t bytes);

// Bytes of this CPU's second-level data cache.
std::size_t second_cache_bytes();

}  // namespace ostinato

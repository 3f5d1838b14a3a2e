// Parallel regions of every kernel: one starts, each index runs once, the caller returns when all are done. They run on
// the OpenMP team that torch keeps, where there is one, and on one small pool of our own elsewhere, whose workers look
// for the next region for a few microseconds and then sleep.
#pragma once

#include <cstddef>

namespace ostinato {

// Runs body(context, i) for every i in [0, count), the caller taking its share. If another region is running the caller
// may do all of it alone, which gives the same result: no kernel's arithmetic depends on how its work is shared out.
void run_parallel(int count, void (*body)(void* context, int i), void* context);

// Memory of the calling thread, 64-byte aligned, kept from call to call and valid until the thread asks again for the
// same slot. A slot belongs to one layer of code, so that nested uses do not collide.
enum class Slot { packed_left, packed_right, weights, rows, previous, count };
void* scratch(Slot slot, std::size_t bytes);

// Bytes of this CPU's second-level data cache.
std::size_t second_cache_bytes();

}  // namespace ostinato

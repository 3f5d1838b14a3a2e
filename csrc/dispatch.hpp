// Which instruction set the kernels run with.
#pragma once

#include <string>
#include <vector>

#include "calls.hpp"

namespace ostinato {

// The kernels in use: the best this CPU has, or what OSTINATO_ISA names. Throws std::invalid_argument where that is
// unknown or the CPU lacks it, at every use until it is put right.
const Kernels& kernels();

// Those that this CPU can run, best first.
std::vector<std::string> available();

// Takes the named ones from now on; throws std::invalid_argument as above.
void use(const std::string& name);

}  // namespace ostinato

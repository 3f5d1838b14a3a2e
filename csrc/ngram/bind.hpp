// The parts of ostinato._core that are n-grams.
#pragma once

#include <nanobind/nanobind.h>

namespace ostinato::ngram {

void bind_build(nanobind::module_& module);

}  // namespace ostinato::ngram

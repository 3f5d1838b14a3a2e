// The parts of ostinato._core that are n-grams, and what their doors share.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <utility>
#include <vector>

#include "ngram/watch.hpp"

namespace ostinato::ngram {

void bind_build(nanobind::module_& module);
void bind_query(nanobind::module_& module);

// Looks for Ctrl-C and calls `told(what, done, total)`, twenty times a second at most; what Python raises ends the work.
inline Watch watched(const nanobind::object& told) {
    auto last = std::make_shared<std::chrono::steady_clock::time_point>();
    return Watch([told, last](const char* what, std::uint64_t done, std::uint64_t total) {
        const auto now = std::chrono::steady_clock::now();
        if (now - *last < std::chrono::milliseconds(50)) return;
        *last = now;
        nanobind::gil_scoped_acquire held;
        if (PyErr_CheckSignals()) throw nanobind::python_error();
        if (!told.is_none()) told(what, done, total);
    });
}

// Work without the interpreter's lock.
template <class Work>
auto unlocked(const nanobind::object& told, Work work) {
    const Watch watch = watched(told);
    nanobind::gil_scoped_release released;
    return work(watch);
}

// A NumPy array that keeps the values.
template <class T, class Memory>
nanobind::ndarray<nanobind::numpy, T> array_of(std::vector<T, Memory>&& values, std::initializer_list<std::size_t> shape) {
    auto kept = std::make_unique<std::vector<T, Memory>>(std::move(values));
    T* const data = kept->data();
    nanobind::capsule owner(kept.release(), [](void* given) noexcept { delete static_cast<std::vector<T, Memory>*>(given); });
    return {data, shape, owner};
}

}  // namespace ostinato::ngram

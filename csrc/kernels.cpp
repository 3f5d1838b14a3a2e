// Every kernel for one instruction set: compiled once for each, with that set's flags and OSTINATO_ISA as its name.
#include "calls.hpp"
#include "cells/lstm.hpp"
#include "matmul.hpp"
#include "recurrence.hpp"
#include "recurrence_backward.hpp"

namespace ostinato::OSTINATO_ISA {

template <class V, template <class> class Cell, class T = typename V::Scalar>
void scan_forward(const ScanForward<T>& call) {
    Forward<V, Cell>(call).run();
}
template <class V, template <class> class Cell, class T = typename V::Scalar>
void scan_backward(const ScanBackward<T>& call) {
    Backward<V, Cell>(call).run();
}

template <class T>
constexpr Table<T> table() {
    using V = Widest<T>;
    return {scan_forward<V, Lstm>, scan_backward<V, Lstm>, linear_forward<V>, linear_backward<V>};
}

#define OSTINATO_TEXT(name) #name
#define OSTINATO_NAME(name) OSTINATO_TEXT(name)
extern const Kernels kernels;
const Kernels kernels{OSTINATO_NAME(OSTINATO_ISA), table<float>(), table<double>()};

}  // namespace ostinato::OSTINATO_ISA

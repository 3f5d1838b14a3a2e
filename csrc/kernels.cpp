// Every kernel for one instruction set: compiled once for each, with that set's flags and OSTINATO_ISA as its name.
#include "calls.hpp"
#include "cells/gru.hpp"
#include "cells/lstm.hpp"
#include "cells/rnn.hpp"
#include "matmul.hpp"
#include "recurrence.hpp"
#include "recurrence_backward.hpp"

namespace ostinato::OSTINATO_ISA {

template <class V, template <class> class Cell, class T = typename V::Scalar>
constexpr CellTable<T> cell() {
    return {[](const ScanForward<T>& call) { Forward<V, Cell>(call).run(); },
            [](const ScanBackward<T>& call) { Backward<V, Cell>(call).run(); }, Records<V, Cell>::size};
}

template <class T>
constexpr Table<T> table() {
    using V = Widest<T>;
    return {{cell<V, Lstm>(), cell<V, Gru>(), cell<V, GruBefore>(), cell<V, RnnTanh>(), cell<V, RnnRelu>()},
            linear_forward<V>, linear_backward<V>};
}

#define OSTINATO_TEXT(name) #name
#define OSTINATO_NAME(name) OSTINATO_TEXT(name)
extern const Kernels kernels;
const Kernels kernels{OSTINATO_NAME(OSTINATO_ISA), table<float>(), table<double>()};

}  // namespace ostinato::OSTINATO_ISA

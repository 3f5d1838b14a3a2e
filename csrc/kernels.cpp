// Every kernel for one instruction set: compiled once for each, with that set's flags and OSTINATO_ISA as its name.
#include "calls.hpp"
#include "recurrence/cells/gru.hpp"
#include "recurrence/cells/lstm.hpp"
#include "recurrence/cells/rnn.hpp"
#include "matmul.hpp"
#include "recurrence/forward.hpp"
#include "recurrence/backward.hpp"
#include "recurrence/stepper.hpp"

namespace ostinato::OSTINATO_ISA {

template <class V, template <class> class Cell, class T = typename V::Scalar>
constexpr CellTable<T> cell() {
    return {[](const ScanForward<T>& call) { Forward<V, Cell>(call).run(); },
            [](const ScanBackward<T>& call) { Backward<V, Cell>(call).run(); }, Records<V, Cell>::size};
}

template <class V, class T = typename V::Scalar>
std::unique_ptr<Stepper<T>> stepper(const StepperModel<T>& model) {
    std::vector<std::unique_ptr<LayerStep<T>>> layers;
    for (const auto& layer : model.layers) {
        const auto add = [&]<template <class> class Cell> { layers.push_back(std::make_unique<CellStep<V, Cell>>(layer)); };
        switch (layer.cell) {
            case lstm: add.template operator()<Lstm>(); break;
            case gru: add.template operator()<Gru>(); break;
            case gru_before: add.template operator()<GruBefore>(); break;
            case rnn_tanh: add.template operator()<RnnTanh>(); break;
            case rnn_relu: add.template operator()<RnnRelu>(); break;
        }
    }
    return std::make_unique<StackStep<V>>(model, std::move(layers));
}

template <class T>
constexpr Table<T> table() {
    using V = Widest<T>;
    return {{cell<V, Lstm>(), cell<V, Gru>(), cell<V, GruBefore>(), cell<V, RnnTanh>(), cell<V, RnnRelu>()},
            linear_forward<V>, linear_backward<V>, stepper<V>};
}

#define OSTINATO_TEXT(name) #name
#define OSTINATO_NAME(name) OSTINATO_TEXT(name)
extern const Kernels kernels;
const Kernels kernels{OSTINATO_NAME(OSTINATO_ISA), table<float>(), table<double>()};

}  // namespace ostinato::OSTINATO_ISA

// The simple recurrent network (Elman, 1990):  h' = f(gate), f being tanh or the rectifier.
#pragma once

#include "simd.hpp"

namespace ostinato::OSTINATO_ISA {

template <class V, bool Tanh>
struct Rnn {
    // One gate alone would leave a tile narrow: two vectors of units side by side.
    static constexpr int gates = 1, first = 1, states = 1, units = 2;
    // h'.
    static constexpr int kept = 1;
    static constexpr bool apart[gates] = {false};

    static OSTINATO_INLINE void forward(V (&record)[kept], const V (&product)[gates], V (&state)[states]) {
        const V gate = record[0] + product[0];
        if constexpr (Tanh)
            record[0] = tanh(gate);
        else
            record[0] = max(V::zero(), gate);
        state[0] = record[0];
    }

    static OSTINATO_INLINE void backward(const V (&record)[kept], V (&grad_state)[states], V (&grad_input)[gates],
                                         V (&grad_product)[gates]) {
        if constexpr (Tanh)
            grad_input[0] = grad_state[0] * (V::broadcast(1) - record[0] * record[0]);
        else
            grad_input[0] = where_positive(record[0], grad_state[0]);
        grad_product[0] = grad_input[0];
        grad_state[0] = V::zero();
    }
};

template <class V>
using RnnTanh = Rnn<V, true>;
template <class V>
using RnnRelu = Rnn<V, false>;

}  // namespace ostinato::OSTINATO_ISA

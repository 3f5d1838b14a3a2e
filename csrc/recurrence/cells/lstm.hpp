// Long short-term memory (Hochreiter and Schmidhuber, 1997; with the forget gate of Gers et al., 2000).
//
//     i, f, o = sigmoid(gate)    g = tanh(gate)    c' = f c + i g    h' = o tanh(c')
#pragma once

#include "simd.hpp"

namespace ostinato::OSTINATO_ISA {

template <class V>
struct Lstm {
    // Blocks of the hidden size in a pre-activation, in torch's order: i, f, g, o. All multiply h.
    static constexpr int gates = 4, first = 4;
    // h and c. State 0 is always the one that the weight multiplies.
    static constexpr int states = 2;
    // i, f, g, o, the c before and tanh(c'): what the gradient of a step is made from.
    static constexpr int kept = 6;
    // Vectors of units that a tile works on side by side.
    static constexpr int units = 1;
    // Whether a gate's product stays apart from its inputs' part until the map.
    static constexpr bool apart[gates] = {false, false, false, false};

    // record: in, the inputs' part of each gate; out, what is kept. state: before the step in, after it out.
    static OSTINATO_INLINE void forward(V (&record)[kept], const V (&product)[gates], V (&state)[states]) {
        record[0] = sigmoid(record[0] + product[0]);
        record[1] = sigmoid(record[1] + product[1]);
        record[2] = tanh(record[2] + product[2]);
        record[3] = sigmoid(record[3] + product[3]);
        record[4] = state[1];
        state[1] = fma(record[1], state[1], record[0] * record[2]);
        record[5] = tanh(state[1]);
        state[0] = record[3] * record[5];
    }

    // h' as forward gave it.
    static OSTINATO_INLINE V passed(const V (&record)[kept]) {
        return record[3] * record[5];
    }

    // grad_state: of the state after in; out, of the state before as far as it does not pass through the weight.
    // grad_input: of the inputs' part of each gate; grad_product: of its product with the state.
    static OSTINATO_INLINE void backward(const V (&record)[kept], V (&grad_state)[states], V (&grad_input)[gates],
                                         V (&grad_product)[gates]) {
        const V one = V::broadcast(1), i = record[0], f = record[1], g = record[2], o = record[3];
        const V squashed = record[5], grad_h = grad_state[0];
        const V grad_c = fma(grad_h * o, one - squashed * squashed, grad_state[1]);
        grad_input[0] = grad_c * g * (i * (one - i));
        grad_input[1] = grad_c * record[4] * (f * (one - f));
        grad_input[2] = grad_c * i * (one - g * g);
        grad_input[3] = grad_h * squashed * (o * (one - o));
        for (int v = 0; v < gates; ++v) grad_product[v] = grad_input[v];
        grad_state[0] = V::zero();
        grad_state[1] = grad_c * f;
    }
};

}  // namespace ostinato::OSTINATO_ISA

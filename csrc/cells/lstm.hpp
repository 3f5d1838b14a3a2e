// Long short-term memory (Hochreiter and Schmidhuber, 1997; with the forget gate of Gers et al., 2000).
//
//     i, f, o = sigmoid(gate)    g = tanh(gate)    c' = f c + i g    h' = o tanh(c')
#pragma once

#include "../simd.hpp"

namespace ostinato::OSTINATO_ISA {

template <class V>
struct Lstm {
    // Blocks of the hidden size in a pre-activation, in torch's order: i, f, g, o.
    static constexpr int gates = 4;
    // h and c. State 0 is always the one that the weight multiplies.
    static constexpr int states = 2;

    // gate: pre-activations in, gates out. state: before the step in, after it out.
    static OSTINATO_INLINE void forward(V (&gate)[gates], V (&state)[states]) {
        gate[0] = sigmoid(gate[0]);
        gate[1] = sigmoid(gate[1]);
        gate[2] = tanh(gate[2]);
        gate[3] = sigmoid(gate[3]);
        state[1] = fma(gate[1], state[1], gate[0] * gate[2]);
        state[0] = gate[3] * tanh(state[1]);
    }

    // gate: as forward left them. grad_state: of the state after in; out, of the state before as far as it does not
    // pass through the weight. grad_gate: of the pre-activations.
    static OSTINATO_INLINE void backward(const V (&gate)[gates], const V (&before)[states], const V (&after)[states],
                                         V (&grad_state)[states], V (&grad_gate)[gates]) {
        const V one = V::broadcast(1), i = gate[0], f = gate[1], g = gate[2], o = gate[3];
        const V squashed = tanh(after[1]), grad_h = grad_state[0];
        const V grad_c = fma(grad_h * o, one - squashed * squashed, grad_state[1]);
        grad_gate[0] = grad_c * g * (i * (one - i));
        grad_gate[1] = grad_c * before[1] * (f * (one - f));
        grad_gate[2] = grad_c * i * (one - g * g);
        grad_gate[3] = grad_h * squashed * (o * (one - o));
        grad_state[0] = V::zero();
        grad_state[1] = grad_c * f;
    }
};

}  // namespace ostinato::OSTINATO_ISA

// Gated recurrent units (Cho et al., 2014), with the reset gate after the recurrent product, as torch and cuDNN have it:
//
//     r, z = sigmoid(gate)    n = tanh(x_n + r (W_n h + b_n))    h' = n + z (h - n)
//
// and before it, as the paper has it:
//
//     r, z = sigmoid(gate)    n = tanh(x_n + W_n (r h) + b_n)    h' = n + z (h - n)
#pragma once

#include "simd.hpp"

namespace ostinato::OSTINATO_ISA {

template <class V>
struct Gru {
    static constexpr int gates = 3, first = 3, states = 1, units = 1;
    // r, z, n, the product that r multiplies, and h - n.
    static constexpr int kept = 5;
    static constexpr bool apart[gates] = {false, false, true};

    static OSTINATO_INLINE void forward(V (&record)[kept], const V (&product)[gates], V (&state)[states]) {
        record[0] = sigmoid(record[0] + product[0]);
        record[1] = sigmoid(record[1] + product[1]);
        record[2] = tanh(fma(record[0], product[2], record[2]));
        record[3] = product[2];
        record[4] = state[0] - record[2];
        state[0] = fma(record[1], record[4], record[2]);
    }

    static OSTINATO_INLINE void backward(const V (&record)[kept], V (&grad_state)[states], V (&grad_input)[gates],
                                         V (&grad_product)[gates]) {
        const V one = V::broadcast(1), r = record[0], z = record[1], n = record[2], grad_h = grad_state[0];
        grad_input[2] = grad_h * (one - z) * (one - n * n);
        grad_input[1] = grad_h * record[4] * (z * (one - z));
        grad_input[0] = grad_input[2] * record[3] * (r * (one - r));
        grad_product[0] = grad_input[0];
        grad_product[1] = grad_input[1];
        grad_product[2] = grad_input[2] * r;
        grad_state[0] = grad_h * z;
    }
};

// A step of two products: r and z need h, n needs r h. The first part makes what the second multiplies.
template <class V>
struct GruBefore {
    static constexpr int gates = 3, first = 2, states = 1, units = 1;
    // r, z, n and h.
    static constexpr int kept = 4;
    static constexpr bool apart[gates] = {false, false, false};

    static OSTINATO_INLINE V forward_first(V (&record)[kept], const V (&product)[first], const V (&state)[states]) {
        record[0] = sigmoid(record[0] + product[0]);
        record[1] = sigmoid(record[1] + product[1]);
        record[3] = state[0];
        return passed(record);
    }
    static OSTINATO_INLINE void forward_second(V (&record)[kept], const V (&product)[gates - first], V (&state)[states]) {
        record[2] = tanh(record[2] + product[0]);
        state[0] = fma(record[1], record[3] - record[2], record[2]);
    }

    static OSTINATO_INLINE V passed(const V (&record)[kept]) { return record[0] * record[3]; }

    static OSTINATO_INLINE void backward_second(const V (&record)[kept], V (&grad_state)[states], V (&grad)[gates]) {
        const V one = V::broadcast(1), z = record[1], n = record[2], grad_h = grad_state[0];
        grad[2] = grad_h * (one - z) * (one - n * n);
        grad[1] = grad_h * (record[3] - n) * (z * (one - z));
        grad_state[0] = grad_h * z;
    }
    static OSTINATO_INLINE void backward_first(const V (&record)[kept], V grad_passed, V (&grad_state)[states], V& grad) {
        const V one = V::broadcast(1), r = record[0];
        grad = grad_passed * record[3] * (r * (one - r));
        grad_state[0] = fma(grad_passed, r, grad_state[0]);
    }
};

}  // namespace ostinato::OSTINATO_ISA

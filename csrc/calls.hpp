// What the kernels are asked to do, as plain structures, and the table of functions that answers for one instruction
// set. Every buffer is contiguous, belongs to the caller and is needed only while the call runs.
#pragma once

#include <cstdint>

namespace ostinato {

inline constexpr int most_states = 2;

// A whole padded batch through one cell's recurrence.
template <class T>
struct ScanForward {
    std::int64_t batch, steps, hidden;
    int threads;
    // [batch, steps, gates * hidden]: what the inputs give to each gate, before its function.
    const T* gates;
    // [gates * hidden, hidden]
    const T* weight;
    // [batch], each in [0, steps]: row b is real before lengths[b].
    const std::int64_t* lengths;
    // each [batch, hidden]; state 0 is what the weight multiplies and what the cell puts out
    const T* initial[most_states];
    // [batch, steps, hidden], zero past a row's length
    T* outputs;
    // each [batch, hidden]: the state after a row's last real step
    T* final[most_states];
    // [batch, steps, gates * hidden], or null if there will be no backward: the gates after their functions
    T* kept_gates;
    // each [batch, steps, hidden], or null: state s after every step, for s >= 1
    T* kept_states[most_states];
};

template <class T>
struct ScanBackward {
    std::int64_t batch, steps, hidden;
    int threads;
    // As they went into, and came out of, the forward call.
    const T* weight;
    const std::int64_t* lengths;
    const T* initial[most_states];
    const T* outputs;
    const T* kept_gates;
    const T* kept_states[most_states];
    // [batch, steps, hidden], or null for zeros
    const T* grad_outputs;
    // each [batch, hidden], or null for zeros
    const T* grad_final[most_states];
    // [batch, steps, gates * hidden], zero past a row's length
    T* grad_gates;
    // each [batch, hidden]
    T* grad_initial[most_states];
    // [gates * hidden, hidden], or null where nobody asks
    T* grad_weight;
};

// out = x weight^T + bias
template <class T>
struct LinearForward {
    std::int64_t rows, inputs, outputs;
    int threads;
    const T* x;       // [rows, inputs]
    const T* weight;  // [outputs, inputs]
    const T* bias;    // [outputs], or null
    T* out;           // [rows, outputs]
};

// Each gradient is null where nobody asks for it.
template <class T>
struct LinearBackward {
    std::int64_t rows, inputs, outputs;
    int threads;
    const T* x;         // [rows, inputs]
    const T* weight;    // [outputs, inputs]
    const T* grad_out;  // [rows, outputs]
    T* grad_x;          // [rows, inputs]
    T* grad_weight;     // [outputs, inputs]
    T* grad_bias;       // [outputs]
};

template <class T>
struct Table {
    void (*lstm_forward)(const ScanForward<T>&);
    void (*lstm_backward)(const ScanBackward<T>&);
    void (*linear_forward)(const LinearForward<T>&);
    void (*linear_backward)(const LinearBackward<T>&);
};

struct Kernels {
    const char* name;
    Table<float> single;
    Table<double> twice;
};

// order[0 .. batch): the rows, longest first and otherwise as they come, so that those still running at any step are
// the first so many.
void longest_first(const std::int64_t* lengths, std::int64_t batch, std::int64_t* order);

}  // namespace ostinato

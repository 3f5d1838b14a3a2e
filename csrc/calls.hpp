// What the kernels are asked to do, as plain structures, and the table of functions that answers for one instruction
// set. Every buffer belongs to the caller and is needed only while the call runs.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

namespace ostinato {

inline constexpr int most_states = 2;

// A batch of sequences wherever they lie: the features of a step are neighbours, rows and steps stand anywhere.
template <class T>
struct Sequences {
    T* data;
    // Numbers from one row, and from one step, to the next.
    std::int64_t row, step;
    // Null; or, where rows stand longest first and each step holds only those still running, how many rows stand before
    // each step's first. Then `row` is not used.
    const std::int64_t* starts;

    T* at(std::int64_t b, std::int64_t t) const {
        return data + (starts ? (starts[t] + b) * step : b * row + t * step);
    }
};

// A whole batch through one cell's recurrence.
template <class T>
struct Scan {
    std::int64_t batch, steps, inputs;
    // Units of the cell, and of the state that the recurrent weight multiplies: the same where nothing projects it.
    std::int64_t hidden, outputs;
    int threads;
    // Rows run from their last step to their first.
    bool reverse;
    // [batch], each in [0, steps]: row b is real before lengths[b].
    const std::int64_t* lengths;
    // [batch, steps, inputs]
    Sequences<const T> x;
    // [gates * hidden, inputs]; null where x holds what the inputs give to each gate: then inputs = gates * hidden.
    const T* weight_input;
    // [gates * hidden], each or null
    const T* bias_input;
    const T* bias_hidden;
    // [gates * hidden, outputs]
    const T* weight_hidden;
    // [outputs, hidden], or null where the state is not projected
    const T* weight_output;
    // [batch, outputs] and, for further states, [batch, hidden]
    const T* initial[most_states];
};

template <class T>
struct ScanForward : Scan<T> {
    // [batch, steps, outputs], zero past a row's length
    Sequences<T> out;
    // As initial: the state after a row's last real step
    T* final[most_states];
    // kept_numbers() of them, or null if there will be no backward
    T* kept;
};

template <class T>
struct ScanBackward : Scan<T> {
    // As the forward call left them.
    Sequences<const T> out;
    const T* kept;
    // [batch, steps, outputs]; data is null for zeros
    Sequences<const T> grad_out;
    // As initial, each or null for zeros
    const T* grad_final[most_states];
    // Each is null where nobody asks: as x (zero past a row's length), the weights, the biases.
    Sequences<T> grad_x;
    T* grad_weight_input;
    T* grad_bias_input;
    T* grad_bias_hidden;
    T* grad_weight_hidden;
    T* grad_weight_output;
    // As initial
    T* grad_initial[most_states];
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

// The cells by number, as the table and the door know them.
enum CellNumber : int { lstm, gru, gru_before, rnn_tanh, rnn_relu, cell_count };
inline constexpr int cell_gates[cell_count] = {4, 3, 3, 1, 1};
inline constexpr int cell_states[cell_count] = {2, 1, 1, 1, 1};
inline constexpr const char* cell_names[cell_count] = {"lstm", "gru", "gru_before", "rnn_tanh", "rnn_relu"};

// One recurrent layer of a stepper: weights as in Scan, copied when it is made.
template <class T>
struct StepperLayer {
    int cell;
    std::int64_t inputs, hidden, outputs;
    const T *weight_hidden, *weight_input, *bias_input, *bias_hidden, *weight_output;
    // What a stream remembers of it: h, and c after it.
    std::int64_t numbers() const { return outputs + (cell_states[cell] > 1 ? hidden : 0); }
};

template <class T>
struct StepperModel {
    // [tokens, inputs of the first layer], or null where inputs are dense
    const T* embedding;
    std::int64_t tokens;
    // At least one, each taking the outputs of the one before.
    std::vector<StepperLayer<T>> layers;
    // [outputs, outputs of the last layer] and [outputs], or null
    const T *head, *head_bias;
    std::int64_t outputs;
    // What a stream remembers in all.
    std::int64_t numbers;
};

template <class T>
class Stepper {
   public:
    virtual ~Stepper() = default;
    // x [rows, inputs] or tokens [rows]; states [streams, numbers], row r's at places[r] (or r, where places is null);
    // out [rows, outputs]. Not for two threads at once.
    virtual void step(std::int64_t rows, const T* x, const std::int64_t* tokens, T* states, const std::int64_t* places, T* out) = 0;
};

template <class T>
struct CellTable {
    void (*forward)(const ScanForward<T>&);
    void (*backward)(const ScanBackward<T>&);
    std::int64_t (*kept_numbers)(std::int64_t batch, std::int64_t steps, std::int64_t hidden);
};

template <class T>
struct Table {
    CellTable<T> cells[cell_count];
    void (*linear_forward)(const LinearForward<T>&);
    void (*linear_backward)(const LinearBackward<T>&);
    std::unique_ptr<Stepper<T>> (*stepper)(const StepperModel<T>&);
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

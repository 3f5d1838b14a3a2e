// A scan to try: its numbers, how its sequences lie in memory, and what a table of kernels makes of it.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>

#include "check.hpp"

using integer = std::int64_t;

// gaps: numbers between rows and steps that belong to nobody. packed: rows longest first, step by step, gaps too.
enum class Layout { rows, steps, gaps, packed };

struct Shape {
    int cell;
    integer batch, steps, inputs, hidden;
    // Outputs of the projection; 0 where there is none.
    integer projected = 0;
    bool gates_in = false, biased = true, reverse = false;
    Layout layout = Layout::rows;

    integer gates() const { return ostinato::cell_gates[cell]; }
    integer states() const { return ostinato::cell_states[cell]; }
    integer outputs() const { return projected ? projected : hidden; }
    integer features() const { return gates_in ? gates() * hidden : inputs; }
    std::string name() const {
        std::string text = ostinato::cell_names[cell];
        for (integer size : {batch, steps, inputs, hidden, projected}) text.append(" ").append(std::to_string(size));
        text += gates_in ? " gates in" : "";
        text += biased ? "" : " unbiased";
        text += reverse ? " reverse" : "";
        return text.append(" layout ").append(std::to_string(int(layout)));
    }
};

// What a scan can be differentiated by, the weights as the door takes them.
enum Given { of_x, of_weight_hidden, of_weight_input, of_bias_input, of_bias_hidden, of_weight_output, of_initial, given_count = 8 };
inline constexpr const char* given_names[given_count] = {"x",           "weight_hidden", "weight_input", "bias_input",
                                                         "bias_hidden", "weight_output", "initial h",    "initial c"};
// Outputs and the last state, and what comes in for their gradients.
inline constexpr int result_count = 3;

template <class T>
struct Problem {
    Shape shape;
    std::vector<integer> lengths;
    // Sequences are [batch][steps][features] here, however the kernels will find them.
    std::array<std::vector<T>, given_count> given;
    std::array<std::vector<T>, result_count> incoming;

    explicit Problem(const Shape& s) : shape(s) {
        Random random(s.cell + 7 * (s.batch + 311 * (s.steps + 1009 * (s.features() + 97 * s.hidden))));
        const integer blocks = s.gates() * s.hidden, outputs = s.outputs();
        const auto scaled = [&](integer rows, integer columns) {
            return random.draw<T>(rows * columns, 1.5 / std::sqrt(double(std::max<integer>(1, columns))));
        };
        given[of_x] = random.draw<T>(s.batch * s.steps * s.features(), 2.0);
        given[of_weight_hidden] = scaled(blocks, outputs);
        if (!s.gates_in) given[of_weight_input] = scaled(blocks, s.inputs);
        if (s.biased) given[of_bias_input] = random.draw<T>(blocks), given[of_bias_hidden] = random.draw<T>(blocks);
        if (s.projected) given[of_weight_output] = scaled(outputs, s.hidden);
        incoming[0] = random.draw<T>(s.batch * s.steps * outputs);
        for (integer leaf = 0; leaf < s.states(); ++leaf) {
            given[of_initial + leaf] = random.draw<T>(s.batch * (leaf ? s.hidden : outputs));
            incoming[1 + leaf] = random.draw<T>(s.batch * (leaf ? s.hidden : outputs));
        }
        for (integer b = 0; b < s.batch; ++b)
            lengths.push_back(b == 0 ? s.steps : b == 1 ? 0 : integer((random.next() + 1) / 2 * double(s.steps + 1)));
        if (s.layout == Layout::packed) std::sort(lengths.rbegin(), lengths.rend());
    }
    template <class U>
    Problem<U> as() const {
        Problem<U> other(shape);
        other.lengths = lengths;
        for (int i = 0; i < given_count; ++i) other.given[i].assign(given[i].begin(), given[i].end());
        for (int i = 0; i < result_count; ++i) other.incoming[i].assign(incoming[i].begin(), incoming[i].end());
        return other;
    }
};

// Sequences in memory, in exactly the numbers they need: those of no real step are NaN, so that whoever reads one says so.
template <class T>
class Buffer {
   public:
    Buffer(const Shape& shape, const std::vector<integer>& lengths, integer features)
        : shape_(shape), lengths_(lengths), features_(features) {
        const integer B = shape.batch, steps = shape.steps;
        const bool wide = shape.layout == Layout::gaps || shape.layout == Layout::packed;
        step_ = shape.layout == Layout::steps ? B * features : features + (wide ? 3 : 0);
        row_ = shape.layout == Layout::steps ? features : steps * step_ + (wide ? 5 : 0);
        integer total = 0;
        if (shape.layout == Layout::packed)
            for (integer t = 0; t < steps; ++t) {
                starts_.push_back(total);
                for (integer b = 0; b < B; ++b) total += lengths[b] > t;
            }
        integer count = B && steps ? (B - 1) * row_ + (steps - 1) * step_ + features : 0;
        if (!starts_.empty()) count = total ? (total - 1) * step_ + features : 0;
        numbers_.assign(features ? count : 0, T(NAN));
    }
    void put(const std::vector<T>& dense) {
        each([&](integer b, integer t, integer at) {
            if (t < lengths_[b]) std::copy_n(&dense[(b * shape_.steps + t) * features_], features_, &numbers_[at]);
        });
    }
    // Checks that numbers of no step are as they were.
    std::vector<T> get() const {
        std::vector<T> dense(shape_.batch * shape_.steps * features_), rest = numbers_;
        each([&](integer b, integer t, integer at) {
            std::copy_n(&numbers_[at], features_, &dense[(b * shape_.steps + t) * features_]);
            std::fill_n(&rest[at], features_, T(NAN));
        });
        for (T number : rest) CHECK(std::isnan(number), "%s: written between the steps", shape_.name().c_str());
        return dense;
    }
    template <class U>
    ostinato::Sequences<U> lying() {
        return {numbers_.data(), row_, step_, starts_.empty() ? nullptr : starts_.data()};
    }

   private:
    template <class Body>
    void each(Body body) const {
        if (features_ == 0) return;
        for (integer b = 0; b < shape_.batch; ++b)
            for (integer t = 0; t < shape_.steps; ++t)
                if (starts_.empty())
                    body(b, t, b * row_ + t * step_);
                else if (t < lengths_[b])
                    body(b, t, (starts_[t] + b) * step_);
    }

    const Shape& shape_;
    const std::vector<integer>& lengths_;
    integer features_, row_, step_;
    std::vector<integer> starts_;
    std::vector<T> numbers_;
};

template <class T>
struct Answer {
    std::array<std::vector<T>, result_count> results;
    std::array<std::vector<T>, given_count> grads;

    bool operator==(const Answer& other) const {
        bool same = true;
        for (int i = 0; i < result_count; ++i) same = same && same_bits(results[i], other.results[i]);
        for (int i = 0; i < given_count; ++i) same = same && same_bits(grads[i], other.grads[i]);
        return same;
    }
};

// What of a call is left out.
struct Ask {
    int threads = 1;
    bool gradients = true, incoming = true, x = true, weights = true;
};

template <class T, class Call>
void describe(Call& call, const Problem<T>& p, Buffer<T>& x, int threads) {
    static const T nothing{};
    const Shape& s = p.shape;
    const auto numbers = [&](int which) { return p.given[which].empty() ? nullptr : p.given[which].data(); };
    // A weight of no inputs, or of no units, is there all the same.
    const auto there = [&](int which) { return p.given[which].empty() ? &nothing : p.given[which].data(); };
    call.batch = s.batch, call.steps = s.steps, call.inputs = s.features(), call.hidden = s.hidden;
    call.outputs = s.outputs(), call.threads = threads, call.reverse = s.reverse;
    call.lengths = p.lengths.data(), call.x = x.template lying<const T>();
    call.weight_input = s.gates_in ? nullptr : there(of_weight_input);
    call.bias_input = numbers(of_bias_input), call.bias_hidden = numbers(of_bias_hidden);
    call.weight_hidden = numbers(of_weight_hidden);
    call.weight_output = s.projected ? there(of_weight_output) : nullptr;
    for (int leaf = 0; leaf < s.states(); ++leaf) call.initial[leaf] = p.given[of_initial + leaf].data();
}

template <class T>
Answer<T> answer(const ostinato::CellTable<T>& cell, const Problem<T>& p, Ask ask = {}) {
    const Shape& s = p.shape;
    const auto room = [](std::size_t count) { return std::vector<T>(count, T(NAN)); };
    Answer<T> a;
    Buffer<T> x(s, p.lengths, s.features()), out(s, p.lengths, s.outputs());
    x.put(p.given[of_x]);
    ostinato::ScanForward<T> forward{};
    describe(forward, p, x, ask.threads);
    forward.out = out.template lying<T>();
    for (int leaf = 0; leaf < s.states(); ++leaf) {
        a.results[1 + leaf] = room(p.given[of_initial + leaf].size());
        forward.final[leaf] = a.results[1 + leaf].data();
    }
    std::vector<T> kept = room(ask.gradients ? cell.kept_numbers(s.batch, s.steps, s.hidden) : 0);
    forward.kept = ask.gradients && !kept.empty() ? kept.data() : nullptr;
    cell.forward(forward);
    a.results[0] = out.get();
    if (!ask.gradients) return a;

    ostinato::ScanBackward<T> backward{};
    describe(backward, p, x, ask.threads);
    Buffer<T> grad_out(s, p.lengths, s.outputs()), grad_x(s, p.lengths, s.features());
    grad_out.put(p.incoming[0]);
    backward.out = out.template lying<const T>(), backward.kept = kept.data();
    if (ask.incoming) {
        backward.grad_out = grad_out.template lying<const T>();
        for (int leaf = 0; leaf < s.states(); ++leaf) backward.grad_final[leaf] = p.incoming[1 + leaf].data();
    }
    if (ask.x) backward.grad_x = grad_x.template lying<T>();
    T** wanted[given_count] = {nullptr, &backward.grad_weight_hidden, &backward.grad_weight_input, &backward.grad_bias_input,
                               &backward.grad_bias_hidden, &backward.grad_weight_output, &backward.grad_initial[0],
                               &backward.grad_initial[1]};
    for (int i = of_weight_hidden; i < given_count; ++i) {
        if (i < of_initial && !ask.weights) continue;
        a.grads[i] = room(p.given[i].size());
        if (!a.grads[i].empty()) *wanted[i] = a.grads[i].data();
    }
    cell.backward(backward);
    if (ask.x) a.grads[of_x] = grad_x.get();
    return a;
}

// The cell as the kernels of one instruction set have it.
template <class T>
const ostinato::CellTable<T>& cell_of(const std::string& isa, int cell) {
    ostinato::use(isa);
    if constexpr (sizeof(T) == 4)
        return ostinato::kernels().single.cells[cell];
    else
        return ostinato::kernels().twice.cells[cell];
}

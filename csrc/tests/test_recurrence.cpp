// The LSTM's loop, forward and backward, against a plain one in double and against finite differences; and its laws:
// the same bits under another batch, chunking, thread count and lane type.
#include <cmath>

#include "cells/lstm.hpp"
#include "check.hpp"
#include "recurrence_backward.hpp"

using namespace ostinato;
using namespace ostinato::OSTINATO_ISA;
using integer = std::int64_t;

namespace {

template <class T>
struct Problem {
    integer batch, steps, hidden;
    std::vector<T> gates, weight, h0, c0, grad_outputs, grad_h, grad_c;
    std::vector<integer> lengths;

    Problem(integer batch, integer steps, integer hidden) : batch(batch), steps(steps), hidden(hidden) {
        Random random(batch * 10007 + steps * 101 + hidden);
        gates = random.draw<T>(batch * steps * 4 * hidden, 2.0);
        weight = random.draw<T>(4 * hidden * hidden, 1.0 / std::sqrt(double(hidden)));
        h0 = random.draw<T>(batch * hidden), c0 = random.draw<T>(batch * hidden);
        grad_outputs = random.draw<T>(batch * steps * hidden);
        grad_h = random.draw<T>(batch * hidden), grad_c = random.draw<T>(batch * hidden);
        for (integer b = 0; b < batch; ++b) lengths.push_back(b == 1 ? 0 : integer((random.next() + 1) / 2 * (steps + 1)));
        if (batch) lengths[0] = steps;
    }
    template <class U>
    Problem<U> as() const {
        Problem<U> other(batch, steps, hidden);
        const auto copy = [](const std::vector<T>& from, std::vector<U>& to) { to.assign(from.begin(), from.end()); };
        copy(gates, other.gates), copy(weight, other.weight), copy(h0, other.h0), copy(c0, other.c0);
        copy(grad_outputs, other.grad_outputs), copy(grad_h, other.grad_h), copy(grad_c, other.grad_c);
        return other;
    }
};

template <class T>
struct Answer {
    std::vector<T> outputs, h, c, kept_gates, kept_c, grad_gates, grad_weight, grad_h0, grad_c0;
    bool operator==(const Answer& other) const {
        return same_bits(outputs, other.outputs) && same_bits(h, other.h) && same_bits(c, other.c) &&
               same_bits(kept_gates, other.kept_gates) && same_bits(kept_c, other.kept_c) &&
               same_bits(grad_gates, other.grad_gates) && same_bits(grad_weight, other.grad_weight) &&
               same_bits(grad_h0, other.grad_h0) && same_bits(grad_c0, other.grad_c0);
    }
};

template <class V, class T = typename V::Scalar>
Answer<T> run(const Problem<T>& p, int threads = 1) {
    const integer units = p.batch * p.hidden, all = units * p.steps;
    const auto room = [](integer count) { return std::vector<T>(count, T(NAN)); };
    Answer<T> a{room(all),     room(units),   room(units), room(4 * all), room(all), room(4 * all),
                room(4 * p.hidden * p.hidden), room(units), room(units)};
    ScanForward<T> forward{};
    forward.batch = p.batch, forward.steps = p.steps, forward.hidden = p.hidden, forward.threads = threads;
    forward.gates = p.gates.data(), forward.weight = p.weight.data(), forward.lengths = p.lengths.data();
    forward.initial[0] = p.h0.data(), forward.initial[1] = p.c0.data(), forward.outputs = a.outputs.data();
    forward.final[0] = a.h.data(), forward.final[1] = a.c.data();
    forward.kept_gates = a.kept_gates.data(), forward.kept_states[1] = a.kept_c.data();
    Forward<V, Lstm>(forward).run();
    ScanBackward<T> backward{};
    backward.batch = p.batch, backward.steps = p.steps, backward.hidden = p.hidden, backward.threads = threads;
    backward.weight = p.weight.data(), backward.lengths = p.lengths.data();
    backward.initial[0] = p.h0.data(), backward.initial[1] = p.c0.data(), backward.outputs = a.outputs.data();
    backward.kept_gates = a.kept_gates.data(), backward.kept_states[1] = a.kept_c.data();
    backward.grad_outputs = p.grad_outputs.data();
    backward.grad_final[0] = p.grad_h.data(), backward.grad_final[1] = p.grad_c.data();
    backward.grad_gates = a.grad_gates.data(), backward.grad_weight = a.grad_weight.data();
    backward.grad_initial[0] = a.grad_h0.data(), backward.grad_initial[1] = a.grad_c0.data();
    Backward<V, Lstm>(backward).run();
    return a;
}

// Results in plain loops, and the loss whose gradient the incoming gradients are: their products with the results.
double naive(const Problem<double>& p, std::vector<double>* outputs = nullptr) {
    const integer H = p.hidden;
    double loss = 0;
    const auto sigma = [](double x) { return 1 / (1 + std::exp(-x)); };
    if (outputs) outputs->assign(p.batch * p.steps * H, 0.0);
    for (integer b = 0; b < p.batch; ++b) {
        std::vector<double> h(p.h0.begin() + b * H, p.h0.begin() + (b + 1) * H), c(p.c0.begin() + b * H, p.c0.begin() + (b + 1) * H);
        for (integer t = 0; t < p.lengths[b]; ++t) {
            std::vector<double> next(H);
            for (integer j = 0; j < H; ++j) {
                double gate[4];
                for (integer g = 0; g < 4; ++g) {
                    gate[g] = p.gates[((b * p.steps + t) * 4 + g) * H + j];
                    for (integer k = 0; k < H; ++k) gate[g] += p.weight[(g * H + j) * H + k] * h[k];
                }
                c[j] = sigma(gate[1]) * c[j] + sigma(gate[0]) * std::tanh(gate[2]);
                next[j] = sigma(gate[3]) * std::tanh(c[j]);
            }
            h = next;
            for (integer j = 0; j < H; ++j) {
                loss += p.grad_outputs[(b * p.steps + t) * H + j] * h[j];
                if (outputs) (*outputs)[(b * p.steps + t) * H + j] = h[j];
            }
        }
        for (integer j = 0; j < H; ++j) loss += p.grad_h[b * H + j] * h[j] + p.grad_c[b * H + j] * c[j];
    }
    return loss;
}

void differences(Problem<double> p) {
    const auto a = run<Widest<double>>(p);
    Random random(5);
    const auto check = [&](const char* name, std::vector<double>& values, const std::vector<double>& gradient) {
        for (int trial = 0; trial < 12 && !values.empty(); ++trial) {
            const integer at = integer((random.next() + 1) / 2 * double(values.size()));
            const double kept = values[at], width = 1e-5;
            values[at] = kept + width;
            const double above = naive(p);
            values[at] = kept - width;
            const double below = naive(p);
            values[at] = kept;
            const double wanted = (above - below) / (2 * width);
            CHECK(std::fabs(gradient[at] - wanted) < 1e-7 * (1 + std::fabs(wanted)), "%s[%lld]: %g, wanted %g", name,
                  (long long)at, gradient[at], wanted);
        }
    };
    check("gates", p.gates, a.grad_gates);
    check("weight", p.weight, a.grad_weight);
    check("h0", p.h0, a.grad_h0);
    check("c0", p.c0, a.grad_c0);
}

template <class T>
double furthest(const std::vector<T>& found, const std::vector<double>& wanted) {
    double worst = 0;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        const double error = std::fabs(double(found[i]) - wanted[i]);
        worst = error <= worst ? worst : error;  // a NaN counts
        if (error != error) return INFINITY;
    }
    return worst;
}

}  // namespace

int main() {
    if (!runs_here()) return 0;
    using V = Widest<float>;
    const integer shapes[][3] = {{1, 1, 1}, {1, 9, 33}, {2, 5, 3}, {3, 7, 8}, {7, 11, 17}, {13, 6, 40}, {33, 9, 16}, {4, 0, 5}, {0, 3, 2}};
    for (const auto& [batch, steps, hidden] : shapes) {
        const Problem<float> p(batch, steps, hidden);
        const auto a = run<V>(p);
        const Problem<double> exact = p.as<double>();
        std::vector<double> wanted;
        naive(exact, &wanted);
        CHECK(furthest(a.outputs, wanted) < 1e-5, "%lld %lld %lld", (long long)batch, (long long)steps, (long long)hidden);
        CHECK(furthest(run<Widest<double>>(exact).outputs, wanted) < 1e-13, "double");
        const auto close = run<Widest<double>>(exact);
        CHECK(furthest(a.grad_weight, close.grad_weight) < 1e-4, "grad_weight %g", furthest(a.grad_weight, close.grad_weight));
        CHECK(furthest(a.grad_gates, close.grad_gates) < 1e-4, "grad_gates");
        differences(exact);
        for (int threads : {2, 3}) CHECK(run<V>(p, threads) == a, "%d threads", threads);
        CHECK((run<Lanes<float, 1>>(p) == a), "one lane");
        CHECK((run<Pair<V>>(p) == a), "pairs");
        CHECK((run<Lanes<double, 1>>(exact) == close), "one lane of double");
        // The last row alone.
        if (batch > 1 && steps > 0) {
            Problem<float> alone(1, steps, hidden);
            const auto last = [&](std::vector<float>& to, const std::vector<float>& from, integer each) {
                to.assign(from.end() - each, from.end());
            };
            last(alone.gates, p.gates, steps * 4 * hidden), last(alone.h0, p.h0, hidden), last(alone.c0, p.c0, hidden);
            last(alone.grad_outputs, p.grad_outputs, steps * hidden);
            last(alone.grad_h, p.grad_h, hidden), last(alone.grad_c, p.grad_c, hidden);
            alone.weight = p.weight, alone.lengths = {p.lengths.back()};
            const auto b = run<V>(alone);
            CHECK(std::memcmp(b.outputs.data(), a.outputs.data() + (batch - 1) * steps * hidden, b.outputs.size() * 4) == 0,
                  "outputs of a row alone");
            CHECK(std::memcmp(b.grad_gates.data(), a.grad_gates.data() + (batch - 1) * steps * 4 * hidden,
                              b.grad_gates.size() * 4) == 0,
                  "gradients of a row alone");
        }
    }
    const Problem<float> large(33, 24, 64);
    CHECK(run<V>(large, 2) == run<V>(large, 1), "threads share a large batch");
    return failures != 0;
}

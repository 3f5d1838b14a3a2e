// Every cell's scan as its equations have it, in plain loops and doubles: what the kernels are held against.
#pragma once

#include "problem.hpp"

// One step of one row: inputs' part and product of each gate [gates][hidden]; h [outputs] and c [hidden], changed.
inline void plain_step(const Problem<double>& p, const std::vector<double>& x, std::vector<double>& product,
                       std::vector<double>& h, std::vector<double>& c) {
    const integer H = p.shape.hidden;
    const auto sigma = [](double value) { return 1 / (1 + std::exp(-value)); };
    const std::vector<double> before = h;
    std::vector<double> next(H), reset(H);
    if (p.shape.cell == ostinato::gru_before) {
        const auto& weight = p.given[of_weight_hidden];
        for (integer j = 0; j < H; ++j) reset[j] = sigma(x[j] + product[j]) * before[j];
        for (integer j = 0; j < H; ++j) {
            product[2 * H + j] = p.shape.biased ? p.given[of_bias_hidden][2 * H + j] : 0;
            for (integer k = 0; k < H; ++k) product[2 * H + j] += weight[(2 * H + j) * H + k] * reset[k];
        }
    }
    for (integer j = 0; j < H; ++j) {
        const auto gate = [&](int g) { return x[g * H + j] + product[g * H + j]; };
        switch (p.shape.cell) {
            case ostinato::lstm:
                c[j] = sigma(gate(1)) * c[j] + sigma(gate(0)) * std::tanh(gate(2));
                next[j] = sigma(gate(3)) * std::tanh(c[j]);
                break;
            case ostinato::gru: {
                const double n = std::tanh(x[2 * H + j] + sigma(gate(0)) * product[2 * H + j]), z = sigma(gate(1));
                next[j] = (1 - z) * n + z * before[j];
                break;
            }
            case ostinato::gru_before: {
                const double n = std::tanh(gate(2)), z = sigma(gate(1));
                next[j] = (1 - z) * n + z * before[j];
                break;
            }
            case ostinato::rnn_tanh:
                next[j] = std::tanh(gate(0));
                break;
            default:
                next[j] = gate(0) > 0 ? gate(0) : 0;
        }
    }
    if (!p.shape.projected) {
        h = next;
        return;
    }
    for (integer o = 0; o < p.shape.projected; ++o) {
        h[o] = 0;
        for (integer j = 0; j < H; ++j) h[o] += p.given[of_weight_output][o * H + j] * next[j];
    }
}

// The loss whose gradients the incoming ones are: their products with the results.
inline double plain(const Problem<double>& p, std::array<std::vector<double>, result_count>* results = nullptr) {
    const Shape& s = p.shape;
    const integer H = s.hidden, O = s.outputs(), D = s.features(), blocks = s.gates() * H;
    double loss = 0;
    if (results) {
        (*results)[0].assign(s.batch * s.steps * O, 0.0), (*results)[1].resize(s.batch * O);
        (*results)[2].resize(s.states() > 1 ? s.batch * H : 0);
    }
    std::vector<double> x(blocks), product(blocks), h, c;
    for (integer b = 0; b < s.batch; ++b) {
        const auto leaf = [&](int which, integer size) {
            const auto& from = p.given[of_initial + which];
            return from.empty() ? std::vector<double>(size) : std::vector<double>(&from[b * size], &from[b * size] + size);
        };
        h = leaf(0, O), c = leaf(1, H);
        for (integer t = 0; t < p.lengths[b]; ++t) {
            const integer at = b * s.steps + (s.reverse ? p.lengths[b] - 1 - t : t);
            for (integer i = 0; i < blocks; ++i) {
                x[i] = s.biased ? p.given[of_bias_input][i] : 0, product[i] = s.biased ? p.given[of_bias_hidden][i] : 0;
                if (s.gates_in) x[i] += p.given[of_x][at * D + i];
                for (integer k = 0; k < D && !s.gates_in; ++k) x[i] += p.given[of_weight_input][i * D + k] * p.given[of_x][at * D + k];
                for (integer k = 0; k < O; ++k) product[i] += p.given[of_weight_hidden][i * O + k] * h[k];
            }
            plain_step(p, x, product, h, c);
            for (integer o = 0; o < O; ++o) {
                loss += p.incoming[0][at * O + o] * h[o];
                if (results) (*results)[0][at * O + o] = h[o];
            }
        }
        for (integer o = 0; o < O; ++o) {
            loss += p.incoming[1][b * O + o] * h[o];
            if (results) (*results)[1][b * O + o] = h[o];
        }
        for (integer j = 0; j < H && s.states() > 1; ++j) {
            loss += p.incoming[2][b * H + j] * c[j];
            if (results) (*results)[2][b * H + j] = c[j];
        }
    }
    return loss;
}

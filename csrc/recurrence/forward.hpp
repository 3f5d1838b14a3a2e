// The time loop of any cell whose gates are  inputs' part + weight * h  and then a pointwise map: the inputs' part too.
//
// Rows are shared out among threads for the whole sequence, longest first, so threads never wait for each other inside
// it and the rows still running are always the first so many. Where there are too few rows and much to multiply, threads
// share the units instead and meet after every step. At each step a panel of the weight (all gates of a vector of units)
// is multiplied with every running row before the next is touched, so it is read from the first cache; the sums then go
// straight through the map. The inputs' part is made for some steps at a time, which stay in the second cache until the
// loop gets there, and what a gradient needs is kept in its place.
//
// Two things make a step take two products: a cell whose second gates multiply what its first gates made of h, and a
// projection, which makes h of what the cell gives out.
#pragma once

#include <utility>

#include "recurrence/plan.hpp"

namespace ostinato::OSTINATO_ISA {

template <class V, template <class> class CellOf, class T = typename V::Scalar>
class Forward {
    using Cell = CellOf<V>;
    using Kept = Records<V, CellOf>;
    static constexpr int G = Cell::gates, S = Cell::states, K = Cell::kept, U = Cell::units, L = V::lanes, A = Cell::first;
    static constexpr index width = U * L;
    // Panels multiplied with a single row at once.
    static constexpr int side_by_side = U * G >= 8 ? 1 : U * G >= 4 ? 2 : U * G == 3 ? 3 : 4;

   public:
    explicit Forward(const ScanForward<T>& call)
        : call_(call),
          panels_(Kept::panels_of(call.hidden)),
          padded_(panels_ * width),
          padded_inputs_(rounded(call.inputs, 16)),
          padded_outputs_(call.weight_output ? rounded(call.outputs, 2 * L) : padded_),
          plan_(Plan::of(call.batch, call.steps, G * call.hidden * (call.outputs + (call.weight_input ? call.inputs : 0)),
                         panels_, call.threads)) {}

    void run() {
        if (call_.batch <= 0) return;
        pack();
        const index rows = call_.batch, share_rows = plan_.by_units ? rows : rounded(slices(rows, plan_.threads), 2);
        index* order = scratch_of<index>(Slot::order, rows);
        longest_first(call_.lengths, rows, order);
        // Enough rows for a panel of the inputs' weight to be worth fetching, few enough to stay in the second cache.
        const index row_bytes = greater(1, padded_ * K * index(sizeof(T)) / (plan_.by_units ? plan_.threads : 1));
        const index most = greater(96, index(second_cache_bytes()) / 2 / row_bytes);
        chunk_ = lesser(greater(1, most / share_rows), greater(1, call_.steps));
        records_ = {call_.kept, call_.steps, Kept::slots_of(rows)};
        if (!call_.kept) {
            records_.steps = chunk_;
            records_.data = scratch_of<T>(Slot::records, Kept::size(rows, chunk_, call_.hidden));
        }
        // h before and after a step take turns, the other states change in place; and what a second product multiplies.
        h_[0] = scratch_of<T>(Slot::states, rows * (2 * padded_outputs_ + S * padded_));
        h_[1] = h_[0] + rows * padded_outputs_;
        for (int s = 1; s < S; ++s) states_[s] = h_[1] + rows * padded_outputs_ + (s - 1) * rows * padded_;
        passed_ = h_[1] + rows * padded_outputs_ + (S - 1) * rows * padded_;
        const index copies = plan_.by_units ? plan_.threads : 1;
        staged_ = scratch_of<T>(Slot::staged, copies * rows * chunk_ * padded_inputs_);
        places_ = scratch_of<index>(Slot::packed_left, copies * rows * chunk_);
        auto share = [&](int member, int team) {
            const FlushDenormals flush;
            if (plan_.by_units)
                sequence({Rows::of(order, call_.lengths, rows, 0, 1), Range::of(panels_, member, team),
                          Range::of(output_panels(), member, team), member, team});
            else
                sequence({Rows::of(order, call_.lengths, rows, member, team), {0, panels_}, {0, output_panels()}, 0, 1});
        };
        in_team(plan_.threads, share);
    }

   private:
    index output_panels() const { return call_.weight_output ? padded_outputs_ / (2 * L) : 0; }
    // The share's part of a row of outputs.
    Range columns(const Share& share) const {
        return call_.weight_output ? share.outputs.in_numbers(2 * L, call_.outputs)
                                   : share.panels.in_numbers(width, call_.hidden);
    }

    void pack() {
        const index hidden = call_.hidden, inputs = call_.weight_input ? call_.inputs : 0;
        const index first = padded_ * A * call_.outputs, second = padded_ * (G - A) * hidden;
        T* to = scratch_of<T>(Slot::weights, padded_ * G * (inputs + 2) + first + second + padded_outputs_ * hidden);
        const auto take = [&](index numbers) { return std::exchange(to, to + numbers); };
        input_ = take(padded_ * G * inputs);
        first_ = take(first), second_ = take(second);
        T* bias = take(2 * padded_ * G);
        bias_ = bias, product_bias_ = bias + padded_ * G;
        output_ = to;
        if (inputs) pack_gates<U, G, V>(call_.weight_input, hidden, inputs, 0, const_cast<T*>(input_));
        pack_gates<U, A, V>(call_.weight_hidden, hidden, call_.outputs, 0, const_cast<T*>(first_));
        if constexpr (A < G) pack_gates<U, G - A, V>(call_.weight_hidden, hidden, hidden, A, const_cast<T*>(second_));
        if (call_.weight_output) pack_rows<V>(call_.weight_output, call_.outputs, hidden, to);
        pack_biases<U, V, Cell>(call_.bias_input, call_.bias_hidden, hidden, bias, bias + padded_ * G);
    }

    void sequence(const Share& share) {
        const Rows& rows = share.rows;
        const index hidden = call_.hidden, outputs = call_.outputs;
        if (share.member == 0)
            for (int s = 0; s < S; ++s)
                for (index r = 0; r < rows.count; ++r) {
                    const index size = s ? hidden : outputs, padded = s ? padded_ : padded_outputs_;
                    T* to = (s ? states_[s] : h_[0]) + (rows.before + r) * padded;
                    const T* from = call_.initial[s] + rows[r] * size;
                    for (index j = 0; j < padded; ++j) to[j] = j < size ? from[j] : T(0);
                }
        barrier_.wait(share.team);
        index running = rows.count;
        for (index t0 = 0; t0 < call_.steps && running; t0 += chunk_) {
            const index t1 = lesser(call_.steps, t0 + chunk_), base = call_.kept ? 0 : t0;
            inputs_part(share, rows.running(t0, running), t0, t1, base);
            for (index t = t0; t < t1; ++t) {
                running = rows.running(t, running);
                if (running == 0) break;
                step(share, running, t, base);
            }
        }
        finish(share);
    }

    void finish(const Share& share) {
        const Rows& rows = share.rows;
        const Range columns = this->columns(share), units = share.panels.in_numbers(width, call_.hidden);
        for (index r = 0; r < rows.count; ++r) {
            const index row = rows[r], length = rows.length(r), at = rows.before + r;
            for (index j = columns.from; j < columns.to; ++j)
                call_.final[0][row * call_.outputs + j] = h_[length % 2][at * padded_outputs_ + j];
            for (int s = 1; s < S; ++s)
                for (index j = units.from; j < units.to; ++j)
                    call_.final[s][row * call_.hidden + j] = states_[s][at * padded_ + j];
            if (!call_.out.starts && columns.from < columns.to)
                for (index t = length; t < call_.steps; ++t) {
                    T* to = call_.out.at(row, t);
                    for (index j = columns.from; j < columns.to; ++j) to[j] = 0;
                }
        }
    }

    // What the inputs give to each gate of steps [t0, t1), into the records.
    void inputs_part(const Share& share, index running, index t0, index t1, index base) {
        const Rows& rows = share.rows;
        const index copy = plan_.by_units ? share.member * call_.batch : rows.before;
        index* places = places_ + copy * chunk_;
        T* staged = staged_ + copy * chunk_ * padded_inputs_;
        index count = 0;
        for (index t = t0; t < t1; ++t) {
            running = rows.running(t, running);
            for (index r = 0; r < running; ++r, ++count) {
                const T* from = place(call_, call_.x, rows[r], t);
                places[count] = records_.at(0, t - base, rows.position(r)) - records_.data;
                // Rows lie a power of two apart more often than not and then push each other out of the caches: each is
                // read once, here.
                if (call_.weight_input && call_.inputs)  // inputs of no numbers have no address
                    std::memcpy(staged + count * padded_inputs_, from, std::size_t(call_.inputs) * sizeof(T));
                else if (!call_.weight_input)
                    copy_gates(share, from, places[count]);
            }
        }
        if (!call_.weight_input) return;
        const index depth = call_.inputs, apart = records_.at(1, 0, 0) - records_.data;
        for (index panel = share.panels.from; panel < share.panels.to; ++panel) {
            const T* bias = bias_ + panel * width * G;
            const T* weight = input_ + panel * width * G * depth;
            for (index first = 0; first < count; first += block_rows) {
                const index part = lesser(block_rows, count - first);
                alignas(64) T sums[block_rows][U][G][L];
                for (index r = 0; r < part; ++r) std::memcpy(sums[r], bias, sizeof(sums[r]));
                add_product<U * G, V>(sums[0][0][0], staged + first * padded_inputs_, padded_inputs_, part, weight, depth);
                for (index r = 0; r < part; ++r) {
                    T* to = records_.data + panel * apart + places[first + r];
                    for (int u = 0; u < U; ++u)
                        for (int g = 0; g < G; ++g) V::load(sums[r][u][g]).store(to + (u * K + g) * L);
                }
            }
        }
    }

    void copy_gates(const Share& share, const T* from, index at) {
        const index hidden = call_.hidden, apart = records_.at(1, 0, 0) - records_.data;
        for (index panel = share.panels.from; panel < share.panels.to; ++panel)
            for (int u = 0; u < U; ++u)
                for (int g = 0; g < G; ++g) {
                    const index j = panel * width + u * L;
                    const V bias = V::load(bias_ + ((panel * U + u) * G + g) * L);
                    const V given = j < hidden ? load_columns<V>(from + g * hidden + j, hidden - j) : V::zero();
                    (given + bias).store(records_.data + panel * apart + at + (u * K + g) * L);
                }
    }

    void step(const Share& share, index running, index t, index base) {
        const Rows& rows = share.rows;
        const T* h = h_[t % 2] + rows.before * padded_outputs_;
        T* next = h_[(t + 1) % 2] + rows.before * padded_outputs_;
        T* passed = passed_ + rows.before * padded_;
        if constexpr (A < G) {
            part<0, A>(share, running, t, base, first_, h, padded_outputs_, call_.outputs, h, passed, padded_);
            barrier_.wait(share.team);
            part<A, G - A>(share, running, t, base, second_, passed, padded_, call_.hidden, h, next, padded_outputs_);
        } else {
            const bool projected = call_.weight_output;
            part<0, G>(share, running, t, base, first_, h, padded_outputs_, call_.outputs, h, projected ? passed : next,
                       projected ? padded_ : padded_outputs_);
        }
        if (call_.weight_output) {
            barrier_.wait(share.team);
            project(share, running, passed, next);
        }
        const Range columns = this->columns(share);
        const std::size_t bytes = std::size_t(columns.to - columns.from) * sizeof(T);
        for (index r = 0; r < running && bytes; ++r)
            std::memcpy(place(call_, call_.out, rows[r], t) + columns.from, next + r * padded_outputs_ + columns.from, bytes);
        barrier_.wait(share.team);
    }

    void project(const Share& share, index running, const T* passed, T* next) {
        times_panels<V>(share.outputs, running, false, passed, padded_, output_, call_.hidden, call_.hidden, padded_outputs_,
                        [&](index r, index j, const T* sums, int) {
                            std::memcpy(next + r * padded_outputs_ + j, sums, 2 * L * sizeof(T));
                        });
    }

    // Gates [From, From + Count): left [running][left_step] times the panels of `weight`, and the map, which reads h and
    // writes into `to` [running][to_step].
    template <int From, int Count>
    void part(const Share& share, index running, index t, index base, const T* weight, const T* left, index left_step,
              index depth, const T* h, T* to, index to_step) {
        constexpr index panel_width = U * Count * L;
        const index count = share.panels.to - share.panels.from, apart = depth * panel_width;
        constexpr index together = side_by_side;
        const index whole = running == 1 ? count / together * together : 0;
        alignas(64) T sums[greater(block_rows, together)][U][Count][L];
        const auto start = [&](index row, index panel) {
            const T* bias = product_bias_ + panel * width * G;
            if constexpr (Count == G)
                std::memcpy(sums[row], bias, sizeof(sums[row]));
            else
                std::memset(sums[row], 0, sizeof(sums[row]));
        };
        // Forward on even steps and backward on odd ones: what is left in a cache smaller than the weight is used first.
        const auto panel_of = [&](index i) { return share.panels.from + (t % 2 ? count - 1 - i : i); };
        for (index i = 0; i < whole; i += together) {
            const index panel = t % 2 ? panel_of(i + together - 1) : panel_of(i);
            for (index b = 0; b < together; ++b) start(b, panel + b);
            add_products_of_row<U * Count, together, V>(sums[0][0][0], left, weight + panel * apart, apart, depth);
            const index position = share.rows.position(0);
            maps<From, Count>(sums[0][0][0], together * U, [&](index q) {
                return Place{records_.at(panel + q / U, t - base, position) + q % U * K * L, 0, (panel * U + q) * L};
            }, share, h, to, to_step);
        }
        for (index i = whole; i < count; ++i) {
            const index panel = panel_of(i);
            for (index first = 0; first < running; first += block_rows) {
                const index rows = lesser(block_rows, running - first);
                for (index r = 0; r < rows; ++r) start(r, panel);
                add_product<U * Count, V>(sums[0][0][0], left + first * left_step, left_step, rows, weight + panel * apart, depth);
                maps<From, Count>(sums[0][0][0], rows * U, [&](index q) {
                    const index r = first + q / U;
                    return Place{records_.at(panel, t - base, share.rows.position(r)) + q % U * K * L, r,
                                 (panel * U + q % U) * L};
                }, share, h, to, to_step);
            }
        }
    }

    // One vector of units of one row: its record, its row, its first unit.
    struct Place {
        T* record;
        index row, unit;
    };

    template <int From, int Count, class Where>
    OSTINATO_INLINE void maps(const T* sums, index count, Where where, const Share& share, const T* h, T* to, index to_step) {
        index q = 0;
        for (; q + 2 <= count; q += 2) {
            const Place both[2] = {where(q), where(q + 1)};
            map<2, From, Count>(sums + q * Count * L, both, share, h, to, to_step);
        }
        if (q < count) {
            const Place one[1] = {where(q)};
            map<1, From, Count>(sums + q * Count * L, one, share, h, to, to_step);
        }
    }

    template <int Vectors, int From, int Count>
    OSTINATO_INLINE void map(const T* sums, const Place (&at)[Vectors], const Share& share, const T* h, T* to, index to_step) {
        using W = Wide<V, Vectors>;
        using Value = typename W::Type;
        using Map = CellOf<Value>;
        Value record[K], product[Count], state[S];
        constexpr int read = From == 0 ? G : K;
        for (int k = 0; k < read; ++k) record[k] = W::gather([&](int i) { return V::load(at[i].record + k * L); });
        for (int g = 0; g < Count; ++g)
            product[g] = W::gather([&](int i) { return V::load(sums + (i * Count + g) * L); });
        const auto held = [&](int s, int i) { return states_[s] + (share.rows.before + at[i].row) * padded_ + at[i].unit; };
        // A projected h has other columns than the units, and no cell with a projection reads it here.
        state[0] = call_.weight_output ? Value::zero() : W::gather([&](int i) { return V::load(h + at[i].row * padded_outputs_ + at[i].unit); });
        for (int s = 1; s < S; ++s) state[s] = W::gather([&](int i) { return V::load(held(s, i)); });
        Value result;
        if constexpr (Count == G) {
            Map::forward(record, product, state);
            result = state[0];
        } else if constexpr (From == 0) {
            result = Map::forward_first(record, product, state);
        } else {
            Map::forward_second(record, product, state);
            result = state[0];
        }
        W::scatter(result, [&](int i, V one) { one.store(to + at[i].row * to_step + at[i].unit); });
        for (int s = 1; s < S; ++s) W::scatter(state[s], [&](int i, V one) { one.store(held(s, i)); });
        if (call_.kept || Count < G)
            for (int k = 0; k < K; ++k) W::scatter(record[k], [&](int i, V one) { one.store(at[i].record + k * L); });
    }

    const ScanForward<T>& call_;
    const index panels_;
    // Sizes rounded up to whole panels: tails run the same code, so bits do not depend on them.
    const index padded_, padded_inputs_, padded_outputs_;
    const Plan plan_;
    // Steps whose inputs' part is made at once.
    index chunk_ = 0;
    const T *input_ = nullptr, *first_ = nullptr, *second_ = nullptr, *output_ = nullptr, *bias_ = nullptr, *product_bias_ = nullptr;
    Kept records_{};
    T *h_[2] = {}, *states_[S] = {}, *passed_ = nullptr, *staged_ = nullptr;
    index* places_ = nullptr;
    Barrier barrier_;
};

}  // namespace ostinato::OSTINATO_ISA

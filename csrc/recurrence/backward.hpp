// The time loop backward: forward.hpp run from the last step to the first.
//
// The gradients of some steps' gates are made at a time, and while they are still in the cache they are multiplied into
// those of the inputs and the weights; no gradient of all steps is ever held. A weight's gradient is a sum over steps and
// rows: pieces of so many whole steps as hold at most 128 rows, each a chain over its steps and its rows, longest first,
// added from the last steps to the first. So its bits do not depend on the caches or the threads.
#pragma once

#include "recurrence/outer.hpp"
#include "recurrence/forward.hpp"

namespace ostinato::OSTINATO_ISA {

template <class V, template <class> class CellOf, class T = typename V::Scalar>
class Backward {
    using Cell = CellOf<V>;
    using Kept = Records<V, CellOf>;
    static constexpr int G = Cell::gates, S = Cell::states, K = Cell::kept, U = Cell::units, L = V::lanes, A = Cell::first;
    static constexpr index width = U * L, panel_width = 2 * L;
    // Where a gate's product stays apart, its gradient is not that of the inputs' part.
    static constexpr bool alike = [] {
        for (bool each : Cell::apart)
            if (each) return false;
        return true;
    }();

   public:
    explicit Backward(const ScanBackward<T>& call)
        : call_(call),
          depth_(G * call.hidden),
          row_(rounded(depth_, 16) + 16),
          padded_(rounded(Kept::panels_of(call.hidden) * width, panel_width)),
          padded_outputs_(rounded(call.outputs, panel_width)),
          records_{const_cast<T*>(call.kept), call.steps, Kept::slots_of(call.batch)},
          piece_steps_(greater(1, piece / greater(1, call.batch))),
          plan_(Plan::of(call.batch, call.steps, 2 * G * call.hidden * (call.outputs + call.inputs),
                         slices(call.outputs, panel_width), call.threads)) {}

    void run() {
        clear_weights();
        if (call_.batch <= 0) return;
        pack();
        const index rows = call_.batch;
        index* order = scratch_of<index>(Slot::order, rows);
        longest_first(call_.lengths, rows, order);
        all_ = Rows::of(order, call_.lengths, rows, 0, 1);
        // As many rows as stay in the second caches, in whole pieces.
        const index most = greater(128, index(second_cache_bytes()) / 2 / (row_ * index(sizeof(T))) * plan_.threads);
        chunk_ = lesser(greater(1, most / (rows * piece_steps_)) * piece_steps_, greater(1, call_.steps));
        allocate();
        auto share = [&](int member, int team) {
            const FlushDenormals flush;
            const Rows own = plan_.by_units ? all_ : Rows::of(order, call_.lengths, rows, member, team);
            const int units = plan_.by_units ? member : 0, of = plan_.by_units ? team : 1;
            sequence({own, Range::of(padded_ / panel_width, units, of), Range::of(padded_outputs_ / panel_width, units, of),
                      member, team});
        };
        in_team(plan_.threads, share);
    }

   private:
    void clear_weights() {
        const auto clear = [](T* values, index count) {
            if (values) std::memset(values, 0, std::size_t(count) * sizeof(T));
        };
        clear(call_.grad_weight_input, depth_ * call_.inputs);
        clear(call_.grad_bias_input, depth_);
        clear(call_.grad_bias_hidden, depth_);
        clear(call_.grad_weight_hidden, depth_ * call_.outputs);
        clear(call_.grad_weight_output, call_.outputs * call_.hidden);
    }

    void pack() {
        const index hidden = call_.hidden, outputs = call_.outputs;
        const bool inputs = call_.weight_input && call_.grad_x.data;
        const index of_inputs = inputs ? rounded(call_.inputs, panel_width) * depth_ : 0;
        const index of_first = padded_outputs_ * A * hidden, of_second = (A < G ? padded_ * (G - A) * hidden : 0);
        T* to = scratch_of<T>(Slot::weights, of_inputs + of_first + of_second + (call_.weight_output ? padded_ * outputs : 0));
        input_ = to, first_ = to + of_inputs, second_ = first_ + of_first, output_ = second_ + of_second;
        if (inputs) pack_columns<V>(call_.weight_input, depth_, call_.inputs, to);
        pack_columns<V>(call_.weight_hidden, A * hidden, outputs, const_cast<T*>(first_));
        if constexpr (A < G)
            pack_columns<V>(call_.weight_hidden + A * hidden * outputs, (G - A) * hidden, hidden, const_cast<T*>(second_));
        if (call_.weight_output) pack_columns<V>(call_.weight_output, outputs, hidden, const_cast<T*>(output_));
    }

    void allocate() {
        const index rows = call_.batch, chunk = chunk_ * rows;
        const bool projected = call_.weight_output;
        // The gradients of a chunk's gates: of their inputs' parts, and of their products where those differ.
        T* to = scratch_of<T>(Slot::gradients, chunk * row_ * (alike ? 1 : 2) + (projected ? chunk * padded_outputs_ : 0));
        inputs_ = to, products_ = alike ? to : to + chunk * row_, outs_ = to + chunk * row_ * (alike ? 1 : 2);
        const index held = S * rows * padded_, later = rows * row_;
        to = scratch_of<T>(Slot::states, held + 2 * later + rows * padded_outputs_);
        for (int s = 0; s < S; ++s) carry_[s] = to + s * rows * padded_;
        later_[0] = to + held, later_[1] = later_[0] + later, out_ = later_[1] + later;
        side_ = greater(greater(call_.inputs, call_.outputs), call_.hidden);
        staged_numbers_ = Outer<V>::numbers(greater(depth_, call_.outputs), side_, lesser(piece, piece_steps_ * rows));
        staged_ = scratch_of<T>(Slot::staged, plan_.threads * staged_numbers_);
    }

    void sequence(const Share& share) {
        const Rows& rows = share.rows;
        const index hidden = call_.hidden;
        if (!plan_.by_units || share.member == 0) begin(rows);
        barrier_.wait(share.team);
        index running = 0;
        for (index t1 = call_.batch ? call_.lengths[all_.order[0]] : 0; t1 > 0;) {
            const index t0 = (t1 - 1) / chunk_ * chunk_;
            const Chunk chunk{t0, t1, all_.running(t0, call_.batch)};
            if (!plan_.by_units || share.member == 0) clear_dead(rows, chunk);
            barrier_.wait(share.team);
            for (index t = t1 - 1; t >= t0; --t) {
                // Before the first row's last step there is nothing behind the weight.
                const bool behind = running > 0;
                while (running < rows.count && rows.length(running) > t) ++running;
                step(share, running, t, behind, chunk);
            }
            barrier_.wait(share.team);
            inputs_gradient(share, chunk);
            weights_gradient(share, chunk);
            barrier_.wait(share.team);
            t1 = t0;
        }
        // Only through the weight, to the initial state.
        through_weight(share, rows.count, -1, running > 0, [&](index r, index j, const T* sums, int) {
            const index row = rows[r];
            for (index l = 0; l < panel_width && j + l < call_.outputs; ++l) {
                const index at = row * call_.outputs + j + l;
                T rest = 0;
                if (!call_.weight_output)
                    rest = carry_[0][(rows.before + r) * padded_ + j + l];
                else if (call_.lengths[row] == 0 && call_.grad_final[0])
                    rest = call_.grad_final[0][at];
                call_.grad_initial[0][at] = sums[l] + rest;
            }
        });
        const Range units = share.panels.in_numbers(panel_width, hidden);
        for (int s = 1; s < S; ++s)
            for (index r = 0; r < rows.count; ++r)
                for (index j = units.from; j < units.to; ++j)
                    call_.grad_initial[s][rows[r] * hidden + j] = carry_[s][(rows.before + r) * padded_ + j];
        if (call_.grad_x.data && !call_.grad_x.starts && call_.inputs) clear_past(share);
    }

    void begin(const Rows& rows) {
        for (int s = 0; s < S; ++s)
            for (index r = 0; r < rows.count; ++r) {
                // What is projected has its own width, and what its gradient is at the end comes in with its last step.
                const bool given = call_.grad_final[s] && !(s == 0 && call_.weight_output);
                for (index j = 0; j < padded_; ++j)
                    carry_[s][(rows.before + r) * padded_ + j] =
                        given && j < call_.hidden ? call_.grad_final[s][rows[r] * call_.hidden + j] : T(0);
            }
        for (T* later : later_) std::memset(later + rows.before * row_, 0, std::size_t(rows.count * row_) * sizeof(T));
    }

    // A row that has ended adds nothing to a sum over all rows.
    void clear_dead(const Rows& rows, const Chunk& chunk) {
        for (index r = 0; r < rows.count; ++r)
            if (rows.position(r) < chunk.rows)
                for (index t = greater(chunk.t0, rows.length(r)); t < chunk.t1; ++t) {
                    const index at = (t - chunk.t0) * chunk.rows + rows.position(r);
                    std::memset(inputs_ + at * row_, 0, std::size_t(depth_) * sizeof(T));
                    if (!alike) std::memset(products_ + at * row_, 0, std::size_t(depth_) * sizeof(T));
                    if (call_.weight_output) std::memset(outs_ + at * padded_outputs_, 0, std::size_t(padded_outputs_) * sizeof(T));
                }
    }

    void clear_past(const Share& share) {
        const Rows& rows = share.rows;
        if (plan_.by_units && share.member > 0) return;
        for (index r = 0; r < rows.count; ++r)
            for (index t = rows.length(r); t < call_.steps; ++t)
                std::memset(call_.grad_x.at(rows[r], t), 0, std::size_t(call_.inputs) * sizeof(T));
    }

    // then(row, first column, its panel's sums, vectors) for the later step's gradients times the weight.
    template <class Then>
    OSTINATO_INLINE void through_weight(const Share& share, index running, index t, bool behind, Then then) {
        const T* later = later_[(t + 1) % 2] + share.rows.before * row_;
        times_panels<V>(share.outputs, running, t % 2, later, row_, first_, behind ? A * call_.hidden : 0, A * call_.hidden,
                        call_.outputs, then);
    }

    // Where members share the units of every row, each needs what the others made.
    void meet(const Share& share) {
        if (plan_.by_units) barrier_.wait(share.team);
    }

    // One step back for the first `running` rows.
    void step(const Share& share, index running, index t, bool behind, const Chunk& chunk) {
        const Rows& rows = share.rows;
        T* here = later_[t % 2] + rows.before * row_;
        const auto map_back = [&](index r, index j, const T* sums, int vectors) {
            with_rows<2>(vectors, [&](auto count) { map<count.value>(rows, r, t, j, sums, here, chunk); });
        };
        if (call_.weight_output) {
            T* out = out_ + rows.before * padded_outputs_;
            through_weight(share, running, t, behind, [&](index r, index j, const T* sums, int vectors) {
                for (int v = 0; v < vectors; ++v) {
                    const index c = j + v * L;
                    V value = V::load(sums + v * L) + incoming(rows, r, t, c);
                    if (call_.grad_final[0] && t == rows.length(r) - 1)
                        value = value + load_columns<V>(call_.grad_final[0] + rows[r] * call_.outputs + c, call_.outputs - c);
                    value.store(out + r * padded_outputs_ + c);
                    value.store(outs_ + ((t - chunk.t0) * chunk.rows + rows.position(r)) * padded_outputs_ + c);
                }
            });
            meet(share);
            times_panels<V>(share.panels, running, t % 2, out, padded_outputs_, output_, call_.outputs, call_.outputs,
                            call_.hidden, map_back);
        } else {
            through_weight(share, running, t, behind, map_back);
        }
        if constexpr (A < G) {
            meet(share);
            times_panels<V>(share.panels, running, t % 2, here + A * call_.hidden, row_, second_, (G - A) * call_.hidden,
                            (G - A) * call_.hidden, call_.hidden, [&](index r, index j, const T* sums, int vectors) {
                                with_rows<2>(vectors, [&](auto count) { map_first<count.value>(rows, r, t, j, sums, here, chunk); });
                            });
        }
        meet(share);
    }

    OSTINATO_INLINE V incoming(const Rows& rows, index r, index t, index j) const {
        if (!call_.grad_out.data) return V::zero();
        return load_columns<V>(place(call_, call_.grad_out, rows[r], t) + j, call_.outputs - j);
    }

    // The cell's gradient for one or two neighbouring vectors of units from unit j on.
    template <int Vectors>
    OSTINATO_INLINE void map(const Rows& rows, index r, index t, index j, const T* sums, T* here, const Chunk& chunk) {
        using W = Wide<V, Vectors>;
        using Value = typename W::Type;
        Value record[K], grad_state[S];
        records_.template load<W>(record, j, t, rows.position(r));
        const auto carried = [&](int s, int i) { return carry_[s] + (rows.before + r) * padded_ + j + i * L; };
        for (int s = 0; s < S; ++s) grad_state[s] = W::gather([&](int i) { return V::load(carried(s, i)); });
        grad_state[0] = grad_state[0] + W::gather([&](int i) { return V::load(sums + i * L); });
        if (!call_.weight_output && call_.grad_out.data)
            grad_state[0] = grad_state[0] + W::gather([&](int i) { return incoming(rows, r, t, j + i * L); });
        const auto store = [&](Value value, T* to, int gate) {
            W::scatter(value, [&](int i, V one) { store_columns(one, to + gate * call_.hidden + j + i * L, call_.hidden - j - i * L); });
        };
        const index at = (t - chunk.t0) * chunk.rows + rows.position(r);
        if constexpr (A < G) {
            Value grad[G];
            CellOf<Value>::backward_second(record, grad_state, grad);
            for (int g = 1; g < G; ++g) store(grad[g], here + r * row_, g), store(grad[g], inputs_ + at * row_, g);
        } else {
            Value grad_input[G], grad_product[G];
            CellOf<Value>::backward(record, grad_state, grad_input, grad_product);
            for (int g = 0; g < G; ++g) {
                store(grad_input[g], inputs_ + at * row_, g);
                store(grad_product[g], here + r * row_, g);
                if (!alike) store(grad_product[g], products_ + at * row_, g);
            }
        }
        for (int s = 0; s < S; ++s) W::scatter(grad_state[s], [&](int i, V value) { value.store(carried(s, i)); });
    }

    template <int Vectors>
    OSTINATO_INLINE void map_first(const Rows& rows, index r, index t, index j, const T* sums, T* here, const Chunk& chunk) {
        using W = Wide<V, Vectors>;
        using Value = typename W::Type;
        if constexpr (A < G) {
            Value record[K], grad_state[S], grad;
            records_.template load<W>(record, j, t, rows.position(r));
            T* carried = carry_[0] + (rows.before + r) * padded_ + j;
            grad_state[0] = W::gather([&](int i) { return V::load(carried + i * L); });
            CellOf<Value>::backward_first(record, W::gather([&](int i) { return V::load(sums + i * L); }), grad_state, grad);
            W::scatter(grad_state[0], [&](int i, V value) { value.store(carried + i * L); });
            const index at = (t - chunk.t0) * chunk.rows + rows.position(r);
            W::scatter(grad, [&](int i, V one) {
                store_columns(one, here + r * row_ + j + i * L, call_.hidden - j - i * L);
                store_columns(one, inputs_ + at * row_ + j + i * L, call_.hidden - j - i * L);
            });
        }
    }

    // The chunk's gradients of the inputs' parts, to the caller or through the inputs' weight.
    void inputs_gradient(const Share& share, const Chunk& chunk) {
        if (!call_.grad_x.data) return;
        const Range own = Range::of((chunk.t1 - chunk.t0) * chunk.rows, share.member, share.team);
        const auto target = [&](index at) -> T* {
            const index row = all_[at % chunk.rows], t = chunk.t0 + at / chunk.rows;
            return t < call_.lengths[row] ? place(call_, call_.grad_x, row, t) : nullptr;
        };
        if (!call_.weight_input) {
            for (index at = own.from; at < own.to; ++at)
                if (T* to = target(at)) std::memcpy(to, inputs_ + at * row_, std::size_t(depth_) * sizeof(T));
            return;
        }
        for (index first = own.from; first < own.to; first += block_rows) {
            const index rows = lesser(block_rows, own.to - first);
            T* to[block_rows];
            for (index r = 0; r < rows; ++r) to[r] = target(first + r);
            alignas(64) T sums[block_rows][panel_width];
            for (index j = 0; j < call_.inputs; j += panel_width) {
                std::memset(sums, 0, std::size_t(rows) * sizeof(sums[0]));
                add_product<2, V>(sums[0], inputs_ + first * row_, row_, rows, input_ + j * depth_, depth_);
                for (index r = 0; r < rows; ++r)
                    if (to[r])
                        for (int v = 0; v < 2; ++v)
                            if (j + v * L < call_.inputs)
                                store_columns(V::load(sums[r] + v * L), to[r] + j + v * L, call_.inputs - j - v * L);
            }
        }
    }

    // The chunk's part of every weight's gradient, piece by piece from its last steps.
    void weights_gradient(const Share& share, const Chunk& chunk) {
        const auto own = [&](index columns) { return Outer<V>::share(columns, share.member, share.team); };
        T* memory = staged_ + share.member * staged_numbers_;
        for (index t = (chunk.t1 - 1) / piece_steps_ * piece_steps_; t >= chunk.t0; t -= piece_steps_) {
            const index from = (t - chunk.t0) * chunk.rows, to = (lesser(t + piece_steps_, chunk.t1) - chunk.t0) * chunk.rows;
            for (index at = from; at < to; at += piece) {
                Outer<V> outer(memory, side_, lesser(piece, to - at));
                // fill(row of the batch's order, step): a function of the first column, for rows that have not ended
                const auto stage = [&](index columns, auto fill) {
                    outer.stage(columns, [&](index k, auto store) {
                        const index p = (at + k) % chunk.rows, step = chunk.t0 + (at + k) / chunk.rows;
                        if (step < all_.length(p))
                            store(fill(p, step));
                        else
                            store([](index) { return V::zero(); });
                    });
                };
                const auto copied = [](const T* row, index columns) {
                    return [row, columns](index j) { return load_columns<V>(row + j, columns - j); };
                };
                const auto passed = [&](index p, index step) {
                    return [this, p, step](index j) {
                        if constexpr (requires(V(&record)[K]) { Cell::passed(record); }) {
                            V record[K];
                            records_.template load<Wide<V, 1>>(record, j, step, p);
                            return Cell::passed(record);
                        } else {
                            return V::zero();
                        }
                    };
                };
                T* bias = call_.grad_bias_input ? call_.grad_bias_input : alike ? call_.grad_bias_hidden : nullptr;
                if (call_.grad_weight_input || bias || alike) outer.bring(inputs_ + at * row_, row_, own(depth_), bias);
                if (call_.grad_weight_input) {
                    stage(call_.inputs, [&](index p, index step) { return copied(place(call_, call_.x, all_[p], step), call_.inputs); });
                    outer.add(call_.inputs, call_.grad_weight_input);
                }
                // What is the gradient of the inputs' part and of all products alike is there already.
                if (!alike || A < G)
                    outer.bring(products_ + at * row_, row_, own(A * call_.hidden), alike ? nullptr : call_.grad_bias_hidden);
                if (call_.grad_weight_hidden) {
                    stage(call_.outputs, [&](index p, index step) { return copied(before(p, step), call_.outputs); });
                    outer.add(call_.outputs, call_.grad_weight_hidden);
                    if constexpr (A < G) {
                        const index skipped = A * call_.hidden;
                        outer.bring(products_ + at * row_ + skipped, row_, own(depth_ - skipped), nullptr);
                        stage(call_.hidden, passed);
                        outer.add(call_.hidden, call_.grad_weight_hidden + skipped * call_.outputs);
                    }
                }
                if (call_.grad_weight_output) {
                    outer.bring(outs_ + at * padded_outputs_, padded_outputs_, own(call_.outputs), nullptr);
                    stage(call_.hidden, passed);
                    outer.add(call_.hidden, call_.grad_weight_output);
                }
            }
        }
        if (alike && call_.grad_bias_input && call_.grad_bias_hidden && chunk.t0 == 0) {
            const Range gates = own(depth_);
            for (index i = gates.from; i < gates.to; ++i) call_.grad_bias_hidden[i] = call_.grad_bias_input[i];
        }
    }

    // The state that a step began with.
    OSTINATO_INLINE const T* before(index p, index t) const {
        const index row = all_[p];
        return t ? place(call_, call_.out, row, t - 1) : call_.initial[0] + row * call_.outputs;
    }

    const ScanBackward<T>& call_;
    // G * hidden: gates of a row; and how far rows of their gradients are apart
    const index depth_, row_;
    const index padded_, padded_outputs_;
    const Kept records_;
    const index piece_steps_;
    const Plan plan_;
    index chunk_ = 0, side_ = 0, staged_numbers_ = 0;
    Rows all_{};
    const T *input_ = nullptr, *first_ = nullptr, *second_ = nullptr, *output_ = nullptr;
    T *inputs_ = nullptr, *products_ = nullptr, *outs_ = nullptr, *carry_[S] = {}, *later_[2] = {}, *out_ = nullptr, *staged_ = nullptr;
    Barrier barrier_;
};

}  // namespace ostinato::OSTINATO_ISA

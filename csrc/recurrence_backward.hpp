// The time loop backward: recurrence.hpp run from the last step to the first.
#pragma once

#include "recurrence.hpp"

namespace ostinato::OSTINATO_ISA {

// The state that each step began with, [batch * steps, hidden], read from where the forward call left it.
template <class T>
struct Previous {
    const T* initial;
    const T* outputs;
    const index* lengths;
    index steps, hidden;

    OSTINATO_INLINE void pack(index row0, index depth, index first, index count, index width, T* to) const {
        for (index k = row0; k < row0 + depth; ++k, to += width) {
            const index row = k / steps, t = k % steps;
            const T* from = (t ? outputs + (k - 1) * hidden : initial + row * hidden) + first;
            // A row of no steps has a state that nothing may depend on, not even as zero times infinity.
            const index real = lengths[row] ? count : 0;
            for (index c = 0; c < real; ++c) to[c] = from[c];
            for (index c = real; c < width; ++c) to[c] = 0;
        }
    }
};

template <class V, template <class> class CellOf, class T = typename V::Scalar>
class Backward {
    using Cell = CellOf<V>;
    static constexpr int G = Cell::gates, S = Cell::states, L = V::lanes;
    static constexpr int most_rows = Registers<V>::count == 32 ? 8 : 6;

   public:
    explicit Backward(const ScanBackward<T>& call)
        : call_(call), padded_(slices(call.hidden, L) * L), depth_(G * call.hidden) {}

    void run() {
        if (call_.batch > 0) {
            index* order = scratch_of<index>(Slot::previous, call_.batch);
            longest_first(call_.lengths, call_.batch, order);
            T* packed = scratch_of<T>(Slot::weights, padded_ * depth_);
            const Strided<T> weight{call_.weight, call_.hidden, 1};
            for (index j = 0; j < padded_; j += L)
                weight.pack(0, depth_, j, lesser(L, call_.hidden - j), L, packed + j * depth_);
            packed_ = packed;
            const int shares = scan_threads(call_.batch, call_.steps, call_.hidden, G, call_.threads);
            auto share = [&](int i) {
                const FlushDenormals flush;
                sequence(Rows{order, call_.lengths, i, shares, (call_.batch - i + shares - 1) / shares});
            };
            in_parallel(shares, share);
        }
        if (call_.grad_weight)
            matmul<V>(Strided<T>{call_.grad_gates, 1, depth_},
                      Previous<T>{call_.initial[0], call_.outputs, call_.lengths, call_.steps, call_.hidden}, depth_,
                      call_.hidden, call_.batch * call_.steps, Start<T>{}, call_.grad_weight, call_.hidden,
                      call_.threads);
    }

   private:
    // What a thread holds between two steps.
    struct Held {
        // [rows, padded] each: gradient of the state before the later step, but for what passes through the weight
        T* carry[S];
        // [rows, G * hidden]: gradient of the later step's pre-activations, and where this step's go
        T* later;
        T* here;
    };

    void sequence(Rows rows) {
        const index hidden = call_.hidden, block = rows.count * padded_, gates = rows.count * depth_;
        const index total = S * block + 2 * gates;
        T* memory = scratch_of<T>(Slot::rows, total);
        for (index i = 0; i < total; ++i) memory[i] = 0;
        Held held;
        for (int s = 0; s < S; ++s) {
            held.carry[s] = memory + s * block;
            if (call_.grad_final[s])
                for (index p = 0; p < rows.count; ++p)
                    for (index j = 0; j < hidden; ++j)
                        held.carry[s][p * padded_ + j] = call_.grad_final[s][rows[p] * hidden + j];
        }
        held.later = memory + S * block;
        held.here = held.later + gates;

        index running = 0;
        for (index p = 0; p < rows.count; ++p) {
            const index length = rows.length(p);
            if (length == call_.steps) continue;
            std::memset(call_.grad_gates + (rows[p] * call_.steps + length) * depth_, 0,
                        std::size_t((call_.steps - length) * depth_) * sizeof(T));
        }
        for (index t = rows.count ? rows.length(0) - 1 : -1; t >= 0; --t) {
            // Before the first row's last step there is nothing behind the weight.
            const index depth = running ? depth_ : 0;
            while (running < rows.count && rows.length(running) > t) ++running;
            step<false>(rows, running, t, depth, held);
            T* spare = held.later;
            held.later = held.here, held.here = spare;
        }
        step<true>(rows, rows.count, 0, running ? depth_ : 0, held);
        for (int s = 1; s < S; ++s)
            for (index p = 0; p < rows.count; ++p)
                for (index j = 0; j < hidden; ++j)
                    call_.grad_initial[s][rows[p] * hidden + j] = held.carry[s][p * padded_ + j];
    }

    // One step back for the first `running` rows; Last: only through the weight, to the initial state.
    template <bool Last>
    void step(const Rows& rows, index running, index t, index depth, const Held& held) {
        const index count = padded_ / L;
        if (running <= 2) {
            blocks<Last, 2, 4>(rows, running, t, depth, held, 0, count / 4 * 4);
            blocks<Last, 2, 1>(rows, running, t, depth, held, count / 4 * 4, count);
        } else {
            blocks<Last, most_rows, 2>(rows, running, t, depth, held, 0, count / 2 * 2);
            blocks<Last, most_rows, 1>(rows, running, t, depth, held, count / 2 * 2, count);
        }
    }

    template <bool Last, int Most, int Blocks>
    OSTINATO_INLINE void blocks(const Rows& rows, index running, index t, index depth, const Held& held, index from,
                                index to) {
        const index count = (to - from) / Blocks;
        for (index i = 0; i < count; ++i) {
            const index slice = from + Blocks * (t % 2 ? count - 1 - i : i);
            in_groups<Most>(running, [&](index first, auto constant) {
                tile<Last, decltype(constant)::value, Blocks>(rows, first, t, depth, held, slice);
            });
        }
    }

    // Units [slice * L, (slice + Blocks) * L) of the Count rows from position `first` on.
    template <bool Last, int Count, int Blocks>
    OSTINATO_INLINE void tile(const Rows& rows, index first, index t, index depth, const Held& held, index slice) {
        const index hidden = call_.hidden;
        alignas(64) T sums[Count][Blocks][L];
        if constexpr (!Last)
            for (int r = 0; r < Count; ++r) prefetch(rows[first + r] * call_.steps + t, slice * L);
        accumulate<Count, 1, Blocks, V>(sums[0][0], held.later + first * depth_, depth_, 1, packed_ + slice * depth_ * L,
                                        depth_ * L, depth);
        constexpr int Vectors = Blocks % 2 ? 1 : 2;
        for (int r = 0; r < Count; ++r)
            for (int b = 0; b < Blocks; b += Vectors) {
                const index j = (slice + b) * L;
                if constexpr (Last)
                    for (int v = 0; v < Vectors; ++v)
                        store_columns(V::load(held.carry[0] + (first + r) * padded_ + j + v * L) + V::load(sums[r][b + v]),
                                      call_.grad_initial[0] + rows[first + r] * hidden + j + v * L, hidden - j - v * L);
                else
                    gradient<Vectors>(rows[first + r], first + r, t, j, sums[r][b], held);
            }
    }

    // What gradient() will read, fetched while the product runs; one line of each is enough for two vectors.
    OSTINATO_INLINE void prefetch(index at, index j) const {
        const index hidden = call_.hidden;
        for (int g = 0; g < G; ++g) __builtin_prefetch(call_.kept_gates + (at * G + g) * hidden + j);
        for (int s = 1; s < S; ++s) {
            __builtin_prefetch(call_.kept_states[s] + at * hidden + j);
            __builtin_prefetch(call_.kept_states[s] + (at ? at - 1 : 0) * hidden + j);
        }
        if (call_.grad_outputs) __builtin_prefetch(call_.grad_outputs + at * hidden + j);
    }

    // The cell's gradient for one or two neighbouring vectors of units from unit j on.
    template <int Vectors>
    OSTINATO_INLINE void gradient(index row, index position, index t, index j, const T* sums, const Held& held) {
        using W = Wide<V, Vectors>;
        using Value = typename W::Type;
        const index hidden = call_.hidden, at = row * call_.steps + t, carried = position * padded_ + j;
        const auto load = [&](const T* from) {
            return W::gather([&](int i) { return load_columns<V>(from + j + i * L, hidden - j - i * L); });
        };
        const auto store = [&](Value value, T* to) {
            W::scatter(value, [&](int i, V one) { store_columns(one, to + j + i * L, hidden - j - i * L); });
        };
        Value gate[G], before[S], after[S], grad_state[S], grad_gate[G];
        for (int g = 0; g < G; ++g) gate[g] = load(call_.kept_gates + (at * G + g) * hidden);
        for (int s = 0; s < S; ++s) {
            const T* kept = s ? call_.kept_states[s] : call_.outputs;
            after[s] = load(kept + at * hidden);
            before[s] = load(t ? kept + (at - 1) * hidden : call_.initial[s] + row * hidden);
            grad_state[s] = W::gather([&](int i) { return V::load(held.carry[s] + carried + i * L); });
        }
        if (call_.grad_outputs) grad_state[0] = grad_state[0] + load(call_.grad_outputs + at * hidden);
        grad_state[0] = grad_state[0] + W::gather([&](int i) { return V::load(sums + i * L); });
        CellOf<Value>::backward(gate, before, after, grad_state, grad_gate);
        for (int s = 0; s < S; ++s)
            W::scatter(grad_state[s], [&](int i, V value) { value.store(held.carry[s] + carried + i * L); });
        for (int g = 0; g < G; ++g) {
            store(grad_gate[g], held.here + position * depth_ + g * hidden);
            store(grad_gate[g], call_.grad_gates + (at * G + g) * hidden);
        }
    }

    const ScanBackward<T>& call_;
    const index padded_;
    // G * hidden: what a sum of this direction runs over
    const index depth_;
    // [slices][G * hidden][L]
    const T* packed_ = nullptr;
};

}  // namespace ostinato::OSTINATO_ISA

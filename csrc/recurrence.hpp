// The time loop, forward and backward, of any cell whose gates are  inputs' part + weight * h  and then a pointwise map.
//
// Rows are shared out among threads for the whole sequence, longest first, so threads never wait for each other inside
// it and the rows still running are always the first so many. At each step a slice of the weight (all gates of one
// vector of units) is multiplied with every running row before the next slice is touched, so it is read from the first
// cache; the sums of a few rows then go straight through the map.
//
// A cell that multiplies its weight with something other than h, or needs a product apart from its inputs' part, is a
// second kind of tile in this loop; everything else here stays.
#pragma once

#include "calls.hpp"
#include "matmul.hpp"
#include "parallel.hpp"
#include "tile.hpp"

namespace ostinato::OSTINATO_ISA {

// The rows of one thread: every `threads`-th of the longest-first order.
struct Rows {
    const index* order;
    const index* lengths;
    index first, stride, count;

    index operator[](index position) const { return order[first + position * stride]; }
    index length(index position) const { return lengths[(*this)[position]]; }
    // How many of them are still running at step t, if at most `before` are.
    index running(index t, index before) const {
        while (before > 0 && length(before - 1) <= t) --before;
        return before;
    }
};

// Pairs of rows make better tiles than single ones, and a short sequence is not worth waking a thread for.
inline int scan_threads(index batch, index steps, index hidden, index gates, int threads) {
    const double work = double(batch) * double(steps) * double(hidden) * double(hidden) * double(gates);
    const index worthwhile = work < 1e9 ? index(work / 1e6) : threads;
    return int(greater(1, lesser(lesser(threads, worthwhile), (batch + 1) / 2)));
}

// to: [slices(hidden)][hidden][Group][lanes] from weight [Group * hidden, hidden]; zeros for units past the last
template <int Group, class V, class T = typename V::Scalar>
void pack_units(const T* weight, index hidden, T* to) {
    for (index j = 0; j < hidden; j += V::lanes, to += hidden * Group * V::lanes)
        for (index g = 0; g < Group; ++g)
            for (index l = 0; l < V::lanes; ++l) {
                const T* from = weight + (g * hidden + j + l) * hidden;
                for (index k = 0; k < hidden; ++k)
                    to[(k * Group + g) * V::lanes + l] = j + l < hidden ? from[k] : T(0);
            }
}

template <class V, template <class> class CellOf, class T = typename V::Scalar>
class Forward {
    using Cell = CellOf<V>;
    static constexpr int G = Cell::gates, S = Cell::states, L = V::lanes;
    static constexpr int most_rows = (Registers<V>::count - 1) / (G + 1);
    // Rows whose sums wait in the first cache for the map: whole tiles.
    static constexpr index most_sums = 12;

   public:
    explicit Forward(const ScanForward<T>& call) : call_(call), padded_(slices(call.hidden, L) * L) {}

    void run() {
        if (call_.batch <= 0) return;
        const index hidden = call_.hidden;
        index* order = scratch_of<index>(Slot::previous, call_.batch);
        longest_first(call_.lengths, call_.batch, order);
        T* packed = scratch_of<T>(Slot::weights, padded_ * hidden * G);
        pack_units<G, V>(call_.weight, hidden, packed);
        packed_ = packed;
        const int shares = scan_threads(call_.batch, call_.steps, hidden, G, call_.threads);
        auto share = [&](int i) {
            const FlushDenormals flush;
            sequence(Rows{order, call_.lengths, i, shares, (call_.batch - i + shares - 1) / shares});
        };
        in_parallel(shares, share);
    }

   private:
    void sequence(Rows rows) {
        const index hidden = call_.hidden, block = rows.count * padded_;
        T* held = scratch_of<T>(Slot::rows, block * (S + 1));
        // [rows, padded]: h before and after a step take turns, the other states change in place.
        T* h[2] = {held, held + block};
        T* states[S];
        for (int s = 1; s < S; ++s) states[s] = held + (s + 1) * block;
        for (index i = 0; i < block * (S + 1); ++i) held[i] = 0;
        for (int s = 0; s < S; ++s)
            for (index p = 0; p < rows.count; ++p)
                for (index j = 0; j < hidden; ++j)
                    (s ? states[s] : h[0])[p * padded_ + j] = call_.initial[s][rows[p] * hidden + j];

        index running = rows.count;
        for (index t = 0; t < call_.steps; ++t) {
            running = rows.running(t, running);
            if (running == 0) break;
            step(rows, running, t, h[t % 2], h[(t + 1) % 2], states);
        }

        for (index p = 0; p < rows.count; ++p) {
            const index row = rows[p], length = rows.length(p);
            for (int s = 0; s < S; ++s)
                for (index j = 0; j < hidden; ++j)
                    call_.final[s][row * hidden + j] = (s ? states[s] : h[length % 2])[p * padded_ + j];
            clear(call_.outputs, row, length, hidden);
            if (call_.kept_gates) {
                clear(call_.kept_gates, row, length, G * hidden);
                for (int s = 1; s < S; ++s) clear(call_.kept_states[s], row, length, hidden);
            }
        }
    }

    void clear(T* values, index row, index length, index width) {
        if (length == call_.steps) return;
        std::memset(values + (row * call_.steps + length) * width, 0,
                    std::size_t((call_.steps - length) * width) * sizeof(T));
    }

    void step(const Rows& rows, index running, index t, const T* h, T* next, T* const (&states)[S]) {
        const index count = padded_ / L;
        // Forward on even steps and backward on odd ones: what is left in a cache smaller than the weight is used first.
        const index last = (count - 1) / 2 * 2;
        for (index i = 0; i < count; i += 2) {
            const index slice = t % 2 ? last - i : i;
            for (index first = 0; first < running; first += most_sums) {
                const index part = lesser(most_sums, running - first);
                if (slice + 1 < count)
                    units<2>(rows, first, part, t, slice, h, next, states);
                else
                    units<1>(rows, first, part, t, slice, h, next, states);
            }
        }
    }

    // Units [slice * L, (slice + Blocks) * L) of `count` rows from position `first` on.
    template <int Blocks>
    OSTINATO_INLINE void units(const Rows& rows, index first, index count, index t, index slice, const T* h, T* next,
                               T* const (&states)[S]) {
        const index hidden = call_.hidden, slice_size = hidden * G * L;
        alignas(64) T sums[Blocks][most_sums][G][L], inputs[most_sums][Blocks][G][L];
        // Rows lie a power of two apart more often than not and then push each other out of the caches: each line is
        // fetched once, here, where many fetches can be under way together.
        for (index r = 0; r < count; ++r) {
            const T* from = call_.gates + (rows[first + r] * call_.steps + t) * G * hidden;
            for (int g = 0; g < G; ++g)
                for (int b = 0; b < Blocks; ++b) {
                    const index j = (slice + b) * L;
                    load_columns<V>(from + g * hidden + j, hidden - j).store(inputs[r][b][g]);
                }
        }
        const T* left = h + first * padded_;
        const T* packed = packed_ + slice * slice_size;
        if (count == 1 && Blocks == 2) {
            alignas(64) T both[2][G][L];
            accumulate<1, G, 2, V>(both[0][0], left, padded_, 1, packed, slice_size, hidden);
            for (int b = 0; b < Blocks; ++b) std::memcpy(sums[b][0], both[b], sizeof(both[b]));
        } else {
            for (int b = 0; b < Blocks; ++b)
                in_groups<most_rows>(count, [&](index row, auto constant) {
                    accumulate<decltype(constant)::value, G, 1, V>(sums[b][row][0], left + row * padded_, padded_, 1,
                                                                   packed + b * slice_size, slice_size, hidden);
                });
        }
        for (index r = 0; r < count; ++r) {
            const Place place{rows[first + r] * call_.steps + t, (first + r) * padded_ + slice * L, slice * L};
            map<Blocks>(sums[0][r][0], most_sums * G * L, inputs[r][0][0], place, h, next, states);
        }
    }

    // Where units stand: their row and step in the caller's buffers, their place in ours, the first of them.
    struct Place {
        index at, here, unit;
    };

    // The cell's map on one vector of units or two neighbouring ones.
    template <int Vectors>
    OSTINATO_INLINE void map(const T* sums, index block, const T* inputs, Place place, const T* h, T* next,
                             T* const (&states)[S]) {
        using W = Wide<V, Vectors>;
        const index hidden = call_.hidden, rest = hidden - place.unit;
        typename W::Type gate[G], state[S];
        for (int g = 0; g < G; ++g)
            gate[g] = W::gather(
                [&](int i) { return V::load(inputs + (i * G + g) * L) + V::load(sums + i * block + g * L); });
        for (int s = 0; s < S; ++s)
            state[s] = W::gather([&](int i) { return V::load((s ? states[s] : h) + place.here + i * L); });
        CellOf<typename W::Type>::forward(gate, state);
        const auto store = [&](typename W::Type value, T* to) {
            W::scatter(value, [&](int i, V one) { store_columns(one, to + place.unit + i * L, rest - i * L); });
        };
        for (int s = 0; s < S; ++s) {
            W::scatter(state[s], [&](int i, V one) { one.store((s ? states[s] : next) + place.here + i * L); });
            T* to = s ? call_.kept_states[s] : call_.outputs;
            if (to) store(state[s], to + place.at * hidden);
        }
        if (call_.kept_gates)
            for (int g = 0; g < G; ++g) store(gate[g], call_.kept_gates + (place.at * G + g) * hidden);
    }

    const ScanForward<T>& call_;
    // The hidden size rounded up to whole vectors: tails run the same code, so bits do not depend on them.
    const index padded_;
    // [slices][hidden][G][L]
    const T* packed_ = nullptr;
};

}  // namespace ostinato::OSTINATO_ISA

// How a scan is shared out, and where its rows and records stand.
#pragma once

#include "calls.hpp"
#include "recurrence/panels.hpp"
#include "parallel.hpp"

namespace ostinato::OSTINATO_ISA {

// The rows of one thread: pairs of neighbours in the longest-first order, dealt out in turn.
struct Rows {
    const index* order;
    const index* lengths;
    index share, shares, count;
    // How many rows the shares before this one have.
    index before;

    static Rows of(const index* order, const index* lengths, index batch, index share, index shares) {
        const auto rows_of = [&](index i) {
            const index pairs = ((batch + 1) / 2 - i + shares - 1) / shares, last = (batch + 1) / 2 - 1;
            return 2 * pairs - (batch % 2 && last % shares == i);
        };
        index before = 0;
        for (index i = 0; i < share; ++i) before += rows_of(i);
        return {order, lengths, share, shares, rows_of(share), before};
    }

    // Its place in the longest-first order.
    index position(index r) const { return (r / 2 * shares + share) * 2 + r % 2; }
    index operator[](index r) const { return order[position(r)]; }
    index length(index r) const { return lengths[(*this)[r]]; }
    // How many of them are still running at step t, if at most `before` are.
    index running(index t, index before) const {
        while (before > 0 && length(before - 1) <= t) --before;
        return before;
    }
};

// How a call is shared out.
struct Plan {
    bool by_units;
    int threads;

    // work: multiplications of one row's step; panels: how many pieces the units fall into.
    static Plan of(index batch, index steps, index work, index panels, int threads) {
        const double all = double(batch) * double(steps) * double(work);
        // A short sequence is not worth waking a thread for.
        const index worthwhile = all < 1e9 ? index(all / 1e6) : threads;
        const index pairs = (batch + 1) / 2;
        if (pairs == 1 && batch * work >= 40000)
            return {true, int(greater(1, lesser(lesser(threads, worthwhile), panels / 2)))};
        return {false, int(greater(1, lesser(lesser(threads, worthwhile), pairs)))};
    }
};

// What one member of a team does: some rows, or some panels of the units and of the outputs of all rows.
struct Share {
    Rows rows;
    Range panels, outputs;
    int member, team;
};

// Steps [t0, t1) and how many rows run in any of them: row p of step t stands at (t - t0) * rows + p.
struct Chunk {
    index t0, t1, rows;
};

// Where a step stands for the caller: rows that run backwards begin at their end.
template <class T, class U>
OSTINATO_INLINE U* place(const Scan<T>& call, const Sequences<U>& in, index row, index t) {
    return in.at(row, call.reverse ? call.lengths[row] - 1 - t : t);
}

// What a gradient needs of every step, and before that the inputs' part: [panels][steps][slots][units][kept][lanes].
template <class V, template <class> class CellOf, class T = typename V::Scalar>
struct Records {
    static constexpr index numbers = CellOf<V>::units * CellOf<V>::kept * V::lanes;
    T* data;
    index steps, slots;

    static index slots_of(index batch) { return batch == 1 ? 1 : rounded(batch, 2); }
    static index panels_of(index hidden) { return slices(hidden, CellOf<V>::units * V::lanes); }
    static index size(index batch, index steps, index hidden) {
        return panels_of(hidden) * steps * slots_of(batch) * numbers;
    }
    OSTINATO_INLINE T* at(index panel, index t, index position) const {
        return data + ((panel * steps + t) * slots + position) * numbers;
    }
    // The record of the vector of units that begins at unit j, and of the next where W holds two.
    template <class W, int K>
    OSTINATO_INLINE void load(typename W::Type (&record)[K], index j, index t, index position) const {
        constexpr index width = CellOf<V>::units * V::lanes;
        for (int k = 0; k < K; ++k)
            record[k] = W::gather([&](int i) {
                const index unit = j + i * V::lanes;
                return V::load(at(unit / width, t, position) + (unit % width / V::lanes * K + k) * V::lanes);
            });
    }
};

}  // namespace ostinato::OSTINATO_ISA

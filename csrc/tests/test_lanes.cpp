// The same bits from vectors twice as wide: what the next instruction set will run, tried on this one. Single lanes are
// the scalar kernels, which test_laws.cpp compares.
#include "recurrence/cells/gru.hpp"
#include "recurrence/cells/lstm.hpp"
#include "recurrence/cells/rnn.hpp"
#include "problem.hpp"
#include "recurrence/backward.hpp"

using namespace ostinato;
using namespace ostinato::OSTINATO_ISA;

namespace {

using Twice = Pair<Widest<float>>;

template <template <class> class Cell>
CellTable<float> wide() {
    return {[](const ScanForward<float>& call) { Forward<Twice, Cell>(call).run(); },
            [](const ScanBackward<float>& call) { Backward<Twice, Cell>(call).run(); }, Records<Twice, Cell>::size};
}

}  // namespace

int main() {
    const CellTable<float> cells[cell_count] = {wide<Lstm>(), wide<Gru>(), wide<GruBefore>(), wide<RnnTanh>(), wide<RnnRelu>()};
    const integer sizes[][4] = {{1, 9, 5, 33}, {3, 7, 16, 8}, {7, 11, 4, 17}, {13, 6, 33, 40}, {50, 9, 7, 16}, {4, 0, 3, 5}, {2, 60, 70, 130}};
    for (int cell = 0; cell < cell_count; ++cell)
        for (integer projected : {0, 9}) {
            if (projected && cell != lstm) continue;
            for (int turn = 0; const auto& [batch, steps, inputs, hidden] : sizes) {
                Shape shape{cell, batch, steps, inputs, hidden};
                shape.projected = projected, shape.reverse = turn & 1, shape.gates_in = turn == 2, shape.layout = Layout(turn++ % 4);
                const Problem<float> p(shape);
                for (int threads : {1, 2})
                    CHECK(answer(cells[cell], p, {threads}) == answer(cell_of<float>(NAME(OSTINATO_ISA), cell), p), "%s, %d threads",
                          shape.name().c_str(), threads);
            }
        }
    return failures != 0;
}

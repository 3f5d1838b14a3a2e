"""Every registered cell obeys every law of cells; a new registration is tested with no new test."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ostinato.cells import cells
from ostinato.layers import Recurrent
from ostinato.state import flatten
from ostinato.testing import samples, strategies
from ostinato.testing.cells import LAWS
from ostinato.testing.tolerances import GRADIENTS, REFERENCE, assert_close, assert_rows, assert_same, assert_states


def build(name: str):
    return cells.build(cells.example(name), inputs=3)


@pytest.mark.parametrize("name", cells.names())
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law(name, law):
    law(build(name))


@pytest.mark.parametrize("name", cells.names())
@given(drawn=strategies.ragged_and_cut(), seed=st.integers(0, 2**31))
def test_any_lengths_and_any_cutting(name, drawn, seed):
    lengths, cuts = drawn
    layer = Recurrent(build(name))
    x = samples.inputs_for(layer, tuple(lengths), seed)
    wanted, last = layer(x)
    found, state = samples.in_pieces(layer, samples.cut(x, cuts), layer.initial(x.batch))
    assert_rows(found, wanted, f"cut as {cuts}")
    assert_states(state, last, f"the state, cut as {cuts}")


@pytest.mark.parametrize("name", cells.names())
@given(lengths=strategies.lengths(5, 20), seed=st.integers(0, 2**31))
def test_fused_is_the_definition_in_single_precision(name, lengths, seed):
    cell = build(name)
    x = samples.leaf(samples.inputs_for(Recurrent(cell), tuple(lengths), seed))
    found = []
    for scan in (cell.scan, cell.reference):
        gates, state = cell.project(x.data, cell.initial(x.batch))
        out, last = scan(gates, state, x.lengths)
        found.append((out, last, samples.gradients(cell, lambda out=out: (out * out).sum(), x)))
    (out, last, grads), (wanted, wanted_last, wanted_grads) = found
    assert_close(out, wanted, "outputs", REFERENCE)
    assert_states(last, wanted_last, "the state", REFERENCE)
    for key, grad in wanted_grads.items():
        assert_close(grads[key], grad, f"gradient by {key}", GRADIENTS)


@pytest.mark.parametrize("name", cells.names())
def test_no_worse_than_twice_torch_against_float64(name):
    """A thousand steps in float32 stay within 1e-5 of the same in float64 (outputs) and 1e-4 (gradients)."""
    cell = build(name)
    exact = samples.still(cell).double()
    x = samples.inputs_for(Recurrent(cell), (1000,), extra=0)
    results = []
    for made in (cell, exact):
        mine = samples.leaf(x.map(lambda data, made=made: data.to(samples.dtype_of(made))))
        out, _ = Recurrent(made)(mine)
        results.append((out.data.double(), samples.gradients(made, lambda out=out: out.data.square().mean(), mine)))
    (out, grads), (wanted, wanted_grads) = results
    assert torch.all((out - wanted).abs() <= 1e-5 * wanted.abs().max())
    for key, grad in wanted_grads.items():
        assert (grads[key].double() - grad).abs().max() <= 1e-4 * grad.abs().max(), key


FUSED = [name for name in cells.names() if build(name).fused is not None]


@pytest.mark.parametrize("name", FUSED)
@given(drawn=strategies.ragged_and_cut(rows=5, steps=20), seed=st.integers(0, 2**31), threads=st.sampled_from([1, 2]))
def test_what_is_compiled_is_the_same_bits_however_it_is_batched_and_cut(name, drawn, seed, threads):
    lengths, cuts = drawn
    layer = Recurrent(cells.build({**cells.example(name), "hidden": 19}, inputs=3))
    x = samples.inputs_for(layer, tuple(lengths), seed)
    torch.set_num_threads(1)
    wanted, last = layer(x)
    torch.set_num_threads(threads)
    found, state = samples.in_pieces(layer, samples.cut(x, cuts), layer.initial(x.batch))
    for row, (mine, other) in enumerate(zip(found.rows(), wanted.rows())):
        assert_same(mine, other, f"row {row}, cut as {cuts}, {threads} threads")
        assert_same(layer(samples.row_of(x, row))[0].rows()[0], other, f"row {row} alone, {threads} threads")
    for leaf, mine in flatten(state).items():
        assert_same(mine, flatten(last)[leaf], f"state {leaf}, cut as {cuts}")

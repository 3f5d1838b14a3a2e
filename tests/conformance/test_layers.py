"""Every registered layer obeys every law of layers; a new registration is tested with no new test."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostinato.layers import layers
from ostinato.testing import samples, strategies
from ostinato.testing.layers import LAWS
from ostinato.testing.tolerances import assert_rows, assert_states

FEATURES, TOKENS = 3, 7


def build(name: str):
    layer = layers.build(layers.example(name), inputs=FEATURES)
    if samples.takes_tokens(layer):
        layer = layers.build(layers.example(name), inputs=TOKENS)
    return layer


@pytest.mark.parametrize("name", layers.names())
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law(name, law):
    law(build(name))


@pytest.mark.parametrize("name", layers.names())
@given(rows_and_cuts=strategies.ragged_and_cut(), seed=st.integers(0, 2**31))
def test_any_lengths_and_any_cutting(name, rows_and_cuts, seed):
    lengths, cuts = rows_and_cuts
    layer = samples.still(build(name))
    x = samples.inputs_for(layer, tuple(lengths), seed)
    expected = samples.offline(layer, x)
    assert expected.lengths.tolist() == samples.output_lengths(layer, x.lengths)
    if layer.latency is not None:
        out, state = samples.in_pieces(layer, samples.cut(x, cuts), layer.initial(x.batch))
        assert_rows(out, expected, f"cut as {cuts}")
        assert_states(state, layer(x)[1], f"the state, cut as {cuts}")

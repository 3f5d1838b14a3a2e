"""The best tokens against sorting them all, with ties, with NaN, in small and large vocabularies."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.decode.topk import BLOCK, top_k
from ostinato.errors import DivergedError


@settings(max_examples=60)
@given(data=st.data(), size=st.sampled_from([1, 2, 7, 300, 1000, 4 * BLOCK * 5 + 3]), count=st.integers(1, 9))
def test_the_best_are_those_of_a_stable_sort(data, size, count):
    kinds = data.draw(st.sampled_from([2, 5, 1000]), "different values")
    generator = torch.Generator().manual_seed(data.draw(st.integers(0, 99), "seed"))
    values = -torch.randint(0, kinds, (3, size), generator=generator).float()
    values[values == -1] = -torch.inf
    found = top_k(values, count)
    ranked, order = values.double().sort(dim=1, descending=True, stable=True)
    count = min(count, size)
    np.testing.assert_array_equal(found.log_probs, ranked[:, :count].numpy())
    possible = found.log_probs > -np.inf
    np.testing.assert_array_equal(found.tokens[possible], order[:, :count].numpy()[possible])


@pytest.mark.parametrize("size", [5, 3000])
def test_a_row_alone_has_the_same_best(size):
    values = torch.randn(6, size, generator=torch.Generator().manual_seed(0)).log_softmax(dim=1)
    together = top_k(values, 4)
    for row in range(6):
        alone = top_k(values[row : row + 1], 4)
        np.testing.assert_array_equal(alone.log_probs[0], together.log_probs[row])
        np.testing.assert_array_equal(alone.tokens[0], together.tokens[row])


@pytest.mark.parametrize("size", [5, 3000])
def test_nan_is_found_wherever_it_stands(size):
    for place in (0, size // 2, size - 1):
        values = torch.zeros(2, size)
        values[1, place] = torch.nan
        with pytest.raises(DivergedError, match="are NaN"):
            top_k(values, 2)

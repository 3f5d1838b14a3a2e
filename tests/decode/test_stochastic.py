"""Stochastic beams draw without replacement, what is probable first."""

import numpy as np
import pytest
import torch
from everything import Chance, Fixed, rescored, sequences
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.decode import Forbid, stochastic_beam

LM = Chance(size=3, seed=4, sharpness=1.0)
DRAWS = 2000


class Alike(Chance):
    """The same for every row, so that rows are draws."""

    def start(self, owner):
        return super().start(torch.zeros_like(owner))


def chi_square(found: np.ndarray, expected: np.ndarray) -> float:
    """Over what is expected at least five times, and the rest as one."""
    often = expected >= 5
    pairs = [*zip(found[often], expected[often]), (found[~often].sum(), expected[~often].sum())]
    return sum((each - wanted) ** 2 / wanted for each, wanted in pairs if wanted > 0)


def test_the_first_is_a_sample_and_the_second_one_of_the_rest():
    lm = Alike(size=3, seed=4, sharpness=1.0)
    every = sequences(lm, 2)  # 1, 2 or </s>, twice: seven sequences
    names = {(tuple(each.tokens), each.finished): i for i, each in enumerate(every)}
    probs = np.exp([each.log_prob for each in every])
    assert probs.sum() == pytest.approx(1)
    pairs = [
        [names[tuple(each.tokens), each.finished] for each in row]
        for row in stochastic_beam(lm, 2, DRAWS, max_length=2, seed=7)
    ]
    first = np.bincount([pair[0] for pair in pairs], minlength=len(every))
    assert chi_square(first, probs * DRAWS) < 22.5  # 0.1 % of fair draws exceed it, six degrees of freedom
    both = np.zeros((len(every), len(every)))
    for one, other in pairs:
        both[one, other] += 1
    expected = np.outer(probs, probs) / (1 - probs)[:, None] * DRAWS
    np.fill_diagonal(expected, 0)
    assert np.trace(both) == 0
    assert chi_square(both.reshape(-1), expected.reshape(-1)) < 76.1  # of at most 42 degrees of freedom


def test_scores_are_log_probs_with_gumbel_noise():
    """The greatest of Gumbel variables at ln p, over a whole distribution, is Gumbel at 0: its mean is Euler's γ."""
    found = stochastic_beam(Alike(size=3, seed=4), 1, DRAWS, max_length=3, seed=1)
    scores = np.array([each[0].score for each in found])
    assert scores.mean() == pytest.approx(np.euler_gamma, abs=4 * np.pi / np.sqrt(6 * DRAWS))
    assert scores.std() == pytest.approx(np.pi / np.sqrt(6), rel=0.08)


@settings(max_examples=10)
@given(seed=st.integers(0, 1000), width=st.integers(1, 5))
def test_hypotheses_differ_and_are_told_by_the_model(seed, width):
    lm = Chance(seed=seed)
    found = stochastic_beam(lm, width, 3, max_length=4, seed=seed)
    assert found == stochastic_beam(lm, width, 3, max_length=4, seed=seed)
    assert found[:2] == stochastic_beam(lm, width, 2, max_length=4, seed=seed)
    assert found != stochastic_beam(lm, width, 3, max_length=4, seed=seed + 1)
    for row, hypotheses in enumerate(found):
        assert len({(tuple(each.tokens), each.finished) for each in hypotheses}) == width
        assert hypotheses == sorted(hypotheses, key=lambda each: -each.score)
        for each in hypotheses:
            assert each.log_prob == pytest.approx(rescored(lm, each, row), abs=1e-5)


def test_wide_enough_it_draws_everything():
    (found,) = stochastic_beam(LM, 100, max_length=3, seed=0)
    wanted = {(tuple(each.tokens), each.finished) for each in sequences(LM, 3)}
    assert len(found) == len(wanted)
    assert {(tuple(each.tokens), each.finished) for each in found} == wanted


def test_what_is_forbidden_leaves_the_rest_its_proportions():
    lm = Fixed(np.log([0.1, 0.2, 0.3, 0.4]).tolist())
    found = stochastic_beam(lm, 1, DRAWS, max_length=1, seed=3, constraints=[Forbid([3])])
    drawn = [each[0].tokens[0] if each[0].tokens else 0 for each in found]
    expected = np.array([1, 2, 3, 0]) / 6 * DRAWS
    assert chi_square(np.bincount(drawn, minlength=4), expected) < 13.8  # two degrees of freedom


def test_impossible_tokens_are_never_drawn():
    lm = Fixed([-torch.inf, 0.0, -torch.inf])
    assert [each.tokens for each in stochastic_beam(lm, 3, max_length=2)[0]] == [[1, 1]]

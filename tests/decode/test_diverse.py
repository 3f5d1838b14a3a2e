"""Groups of beams: the first is the plain one, the others keep away from it."""

import pytest
import torch
from everything import Chance, Fixed, rescored
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.decode import GNMT, Ranking, beam, diverse_beam
from ostinato.errors import ConfigError

seeds = st.integers(0, 10_000)
few = settings(max_examples=6)


def by_hand(lm, groups: int, strength: float, steps: int) -> list[list[int]]:
    """Groups of one beam each, as Vijayakumar et al. define them, over a model that never closes."""
    said: list[list[int]] = [[] for _ in range(groups)]
    for _ in range(steps):
        taken: list[int] = []
        for group in range(groups):
            state = lm.start(torch.tensor([0]))
            for token in said[group]:
                state = lm.advance(state, torch.tensor([token]))
            values = lm.log_probs(state)[0].double()
            for token in taken:
                values[token] -= strength
            taken.append(int(values.argmax()))
            said[group].append(taken[-1])
    return said


class Endless(Chance):
    def log_probs(self, state):
        said = super().log_probs(state)
        said[:, self.eos] = -float("inf")
        return said.log_softmax(dim=1)


@few
@given(seed=seeds, groups=st.integers(1, 4), strength=st.sampled_from([0.0, 0.5, 3.0]))
def test_narrow_groups_are_what_the_paper_says(seed, groups, strength):
    lm = Endless(size=5, seed=seed)
    (found,) = diverse_beam(lm, 1, groups, strength, max_length=5)
    assert [group[0].tokens for group in found] == by_hand(lm, groups, strength, 5)


@few
@given(seed=seeds, width=st.integers(1, 3), groups=st.integers(1, 3))
def test_the_first_group_is_the_plain_beam(seed, width, groups):
    lm, ranking = Chance(seed=seed), Ranking(GNMT(0.6))
    plain = beam(lm, width, 2, max_length=5, n_best=width, ranking=ranking)
    apart = diverse_beam(lm, width, groups, 0.7, 2, max_length=5, ranking=ranking)
    alike = diverse_beam(lm, width, groups, 0.0, 2, max_length=5, ranking=ranking)
    for row in range(2):
        assert len(apart[row]) == groups
        assert apart[row][0] == plain[row]
        assert alike[row] == [plain[row]] * groups
        for group in apart[row]:
            for each in group:
                assert each.log_prob == pytest.approx(rescored(lm, each, row), abs=1e-5)
                n = len(each.tokens) + each.finished
                assert each.score == pytest.approx(each.log_prob / ((5 + n) / 6) ** 0.6)


@few
@given(seed=seeds)
def test_rows_do_not_see_each_other(seed):
    lm = Chance(seed=seed)
    assert diverse_beam(lm, 2, 3, 1.0, 3, max_length=4)[:2] == diverse_beam(lm, 2, 3, 1.0, 2, max_length=4)


def test_strong_groups_say_unlike_things():
    lm = Fixed([-9.0, -0.1, -2.0, -3.0])
    (found,) = diverse_beam(lm, 1, 3, 100.0, max_length=4)
    assert [group[0].tokens for group in found] == [[1] * 4, [2] * 4, [3] * 4]


def test_what_cannot_be_is_refused():
    with pytest.raises(ConfigError, match=r"groups: 0 .*\n.*strength: -1.0"):
        diverse_beam(Chance(), 2, 0, -1.0, max_length=2)

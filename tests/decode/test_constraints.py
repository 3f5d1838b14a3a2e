"""What is demanded of hypotheses holds in every one of them, and costs nothing else."""

import pytest
import torch
from everything import Chance, Fixed, exhaustive, rescored
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.decode import (
    Forbid,
    Force,
    Hypothesis,
    MinLength,
    NoRepeat,
    Phrases,
    Prefix,
    beam,
    diverse_beam,
    greedy,
    sample,
    stochastic_beam,
)
from ostinato.errors import ConfigError

seeds = st.integers(0, 10_000)
few = settings(max_examples=2)

ROWS, LONGEST, SIZE, EOS = 2, 5, 4, 0


def whole(found: Hypothesis) -> list[int]:
    return [*found.tokens, EOS] if found.finished else found.tokens


def grams(tokens: list[int], order: int) -> list[tuple[int, ...]]:
    return [tuple(tokens[i : i + order]) for i in range(len(tokens) - order + 1)]


def holds(tokens: list[int], phrase: list[int]) -> bool:
    return tuple(phrase) in grams(tokens, len(phrase))


CONSTRAINTS = {
    "forbid": (Forbid([2]), lambda found, row: 2 not in found.tokens),
    "forbid closing": (Forbid([EOS, 3]), lambda found, row: not found.finished and 3 not in found.tokens),
    "force": (Force({0: 3, 2: 1}), lambda found, row: all(
        place >= len(whole(found)) or whole(found)[place] == token for place, token in ((0, 3), (2, 1))
    )),
    "force the end": (Force({-1: EOS}), lambda found, row: found.finished),
    "prefix": (Prefix([[2, 1], [3]]), lambda found, row: found.tokens[: 2 - row] == [[2, 1], [3]][row]),
    "closed prefix": (Prefix([[2, EOS], []]), lambda found, row: row == 1 or whole(found) == [2, EOS]),
    "min length": (MinLength(3), lambda found, row: len(whole(found)) >= 3),
    "min lengths": (MinLength([2, 5]), lambda found, row: len(whole(found)) >= [2, 5][row]),
    "no token twice": (NoRepeat(1), lambda found, row: len(set(whole(found))) == len(whole(found))),
    "no pair twice": (NoRepeat(2), lambda found, row: len(set(grams(whole(found), 2))) == len(grams(whole(found), 2))),
    "words": (Phrases([[[1], [3]], [[2]]]), lambda found, row: all(
        holds(found.tokens, phrase) for phrase in [[[1], [3]], [[2]]][row]
    )),
    "phrases": (Phrases([[[1, 2], [3]], []]), lambda found, row: row == 1 or (
        holds(found.tokens, [1, 2]) and holds(found.tokens, [3])
    )),
    "one long phrase": (Phrases([[[1, 1, 1, 2]], [[1, 2, 1, 2]]]), lambda found, row: holds(
        found.tokens, [[1, 1, 1, 2], [1, 2, 1, 2]][row]
    )),
}  # fmt: skip


def searches(lm: Chance, seed: int, **given) -> list[list[list[Hypothesis]]]:
    """All hypotheses of each row, of every search."""
    groups = diverse_beam(lm, 2, 2, 0.5, ROWS, **given)
    return [
        [[each] for each in greedy(lm, ROWS, **given)],
        [[each] for each in sample(lm, ROWS, seed=seed, **given)],
        [[each] for each in sample(lm, ROWS, seed=seed, top_k=2, typical=0.5, **given)],
        beam(lm, 1, ROWS, **given),
        beam(lm, 4, ROWS, n_best=4, **given),
        stochastic_beam(lm, 3, ROWS, seed=seed, **given),
        [[each for group in row for each in group] for row in groups],
    ]


@pytest.mark.parametrize("name", CONSTRAINTS)
@few
@given(seed=seeds)
def test_it_holds_in_every_hypothesis(name, seed):
    constraint, holding = CONSTRAINTS[name]
    lm = Chance(size=SIZE, eos=EOS, seed=seed)
    for rows in searches(lm, seed, max_length=LONGEST, constraints=[constraint]):
        for row, hypotheses in enumerate(rows):
            assert hypotheses
            for each in hypotheses:
                assert holding(each, row), each
                assert each.log_prob == pytest.approx(rescored(lm, each, row), abs=1e-5)


@pytest.mark.parametrize("name", CONSTRAINTS)
@settings(max_examples=2)
@given(seed=seeds)
def test_a_wide_beam_is_the_exhaustive_search_of_what_is_allowed(name, seed):
    constraint, holding = CONSTRAINTS[name]
    lm = Chance(size=SIZE, eos=EOS, seed=seed)
    found = beam(lm, SIZE**LONGEST, ROWS, max_length=LONGEST, n_best=3, constraints=[constraint])
    for row in range(ROWS):
        wanted = exhaustive(lm, LONGEST, row, allowed=lambda each, row=row: holding(each, row))[:3]
        assert [(each.tokens, each.finished) for each in found[row]] == [
            (each.tokens, each.finished) for each in wanted
        ]


@few
@given(seed=seeds)
def test_constraints_hold_together(seed):
    lm = Chance(size=6, eos=EOS, seed=seed)
    together = [Prefix([[1, 2], []]), NoRepeat(2), MinLength(6), Forbid([5]), Phrases([[[4]], [[3, 1]]])]
    for row, hypotheses in enumerate(beam(lm, 3, 2, max_length=8, n_best=3, constraints=together)):
        for each in hypotheses:
            tokens = whole(each)
            assert row == 1 or tokens[:2] == [1, 2]
            assert 5 not in tokens
            assert len(tokens) >= 6
            assert len(set(grams(tokens, 2))) == len(tokens) - 1
            assert holds(tokens, [[4], [3, 1]][row])


@few
@given(seed=seeds, rows=st.integers(2, 3))
def test_rows_do_not_see_each_other(seed, rows):
    lm, phrases = Chance(size=5, seed=seed), [[[1, 2]], [[3], [4]], [[2], [1], [3]]]
    together, fewer = (
        beam(lm, 3, count, max_length=6, n_best=3, constraints=[NoRepeat(2), Phrases(phrases[:count])])
        for count in (rows, rows - 1)
    )
    assert together[:-1] == fewer


def test_a_beam_keeps_places_for_the_phrases():
    """Token 3 is so improbable that without them it would come only when it must, at the end."""
    lm = Fixed([-0.5, -1.2, -2.5, -6.0])
    (found,) = beam(lm, 4, max_length=8, n_best=1, constraints=[Phrases([[[3], [2]]])])[0]
    assert found.finished
    assert sorted(found.tokens) == [2, 3]  # no token more than was asked for
    assert found.log_prob == pytest.approx(-2.5 - 6.0 - 0.5, abs=1e-5)


def test_phrases_that_share_tokens():
    lm = Chance(size=5, seed=3)
    for each in beam(lm, 20, max_length=9, n_best=20, constraints=[Phrases([[[1, 2, 1], [2, 1, 3], [1, 2]]])])[0]:
        assert holds(each.tokens, [1, 2, 1])
        assert holds(each.tokens, [2, 1, 3])


@given(data=st.data())
def test_a_phrase_is_found_wherever_it_stands(data):
    """The automaton against looking for it."""
    phrase = data.draw(st.lists(st.integers(1, 2), min_size=1, max_size=4))
    text = data.draw(st.lists(st.integers(1, 2), max_size=12))
    looking = Phrases([[phrase]])
    state = looking.start(Chance(size=3), torch.tensor([0]), torch.tensor([50]))
    for count, token in enumerate(text, 1):
        state = looking.advance(state, torch.tensor([token]))
        assert bool(state.met[0, 0]) == holds(text[:count], phrase)


def test_what_is_written_counts_and_what_was_prompted_does_not():
    lm = Fixed([-5.0, -0.1, -3.0])
    assert greedy(lm, max_length=3, constraints=[NoRepeat(1)])[0].tokens == [1, 2]  # and then it must close


@pytest.mark.parametrize(
    ("constraints", "said"),
    [
        ([Forbid([9])], "Forbid: token 9 is outside 0 … 3"),
        ([Force({0: -1})], "Force: token -1"),
        ([Prefix([[7]])], "Prefix: token 7"),
        ([Prefix([[1], [2]])], "Prefix: there are 2 for 1 rows"),
        ([Prefix([[1, 1, 1, 1]])], "Prefix: row 0 has 4 tokens but max_length is 3"),
        ([Prefix([[0, 1]])], "Prefix: row 0 has tokens after token 0"),
        ([MinLength(4)], "MinLength: 4 is above max_length 3 of row 0"),
        ([MinLength([1, 2])], "MinLength: there are 2 for 1 rows"),
        ([Phrases([[[1], [2, 3, 1]]])], None),  # the first is in the second, which just fits
        ([Phrases([[[1, 2], [3, 3]]])], "Phrases: row 0 needs 4 tokens but max_length is 3"),
        ([Phrases([[[0]]])], "token 0 closes a hypothesis"),
        ([Phrases([[[1]], []])], "Phrases: there are lists for 2 of 1 rows"),
        ([Phrases([[[1]]]), Phrases([[[2]]])], "there are several"),
        ([Forbid([0, 1, 2, 3])], "row 0: the constraints leave no token"),
        ([Phrases([[[1]]]), Forbid([1])], "row 0: the constraints leave no token"),
    ],
)
def test_what_cannot_hold_is_refused(constraints, said):
    for search in (greedy, sample, stochastic_by_three, beam_of_three):
        if said is None:
            assert search(Chance(), max_length=3, constraints=constraints)
            continue
        with pytest.raises(ConfigError, match=said):
            search(Chance(), max_length=3, constraints=constraints)


def stochastic_by_three(lm, **options):
    return stochastic_beam(lm, 3, **options)


def beam_of_three(lm, **options):
    return beam(lm, 3, **options)


def test_empty_ones_are_refused_when_made():
    with pytest.raises(ConfigError, match="NoRepeat: order 0"):
        NoRepeat(0)
    with pytest.raises(ConfigError, match="a phrase has no token"):
        Phrases([[[]]])

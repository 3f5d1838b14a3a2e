"""Length penalties, bonuses and coverage: every score is its formula, and nothing that could win is given up."""

import math

import numpy as np
import pytest
import torch
from everything import Attentive, Chance, Fixed, exhaustive, rescored
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.cells import LSTM
from ostinato.decode import GNMT, AverageLogProb, Coverage, Fusion, Hypothesis, Ranking, beam, by_source, greedy
from ostinato.errors import ConfigError
from ostinato.layers import Embedding, Recurrent
from ostinato.lm import BigramBaseline
from ostinato.models import Language
from ostinato.padded import Padded

seeds = st.integers(0, 10_000)
few = settings(max_examples=6)

RANKINGS = {
    "none": Ranking(),
    "gnmt": Ranking(GNMT(0.8)),
    "steep": Ranking(GNMT(2.0)),
    "average": Ranking(AverageLogProb()),
    "bonus": Ranking(word_bonus=1.5),
    "malus": Ranking(AverageLogProb(), word_bonus=-0.7),
}


def formula(name: str, found: Hypothesis) -> float:
    """What the score is to be, written out."""
    n = len(found.tokens) + found.finished
    return {
        "none": found.log_prob,
        "gnmt": found.log_prob / ((5 + n) ** 0.8 / 6**0.8),
        "steep": found.log_prob * 36 / (5 + n) ** 2,
        "average": found.log_prob / n,
        "bonus": found.log_prob + 1.5 * n,
        "malus": found.log_prob / n - 0.7 * n,
    }[name]


def bigram(seed: int) -> BigramBaseline:
    return BigramBaseline.train([np.random.default_rng(seed).integers(0, 3, 60)], 3, 0)


def lstm(seed: int) -> Language:
    torch.manual_seed(seed)
    made = Language(Embedding(4, inputs=3), Recurrent(LSTM(5, inputs=4)), eos=2).eval()
    for parameter in made.parameters():
        parameter.data.mul_(4)  # far from uniform
    return made


MODELS = {
    "chance": lambda seed: Chance(size=3, eos=1, seed=seed),
    "bigram": bigram,
    "lstm": lstm,
    "both": lambda seed: Fusion(lstm(seed), [BigramBaseline.train([np.arange(60) % 7 % 3], 3, 2)], [0.5]),
}


def check(found: list[Hypothesis], wanted: list[Hypothesis]) -> None:
    """The same scores, and the same hypotheses but where scores are equal."""
    assert [each.score for each in found] == pytest.approx([each.score for each in wanted], abs=1e-5)
    known = {(tuple(each.tokens), each.finished): each for each in wanted}
    for each in found:
        near = known.get((tuple(each.tokens), each.finished))
        assert near is not None or each.score == pytest.approx(wanted[-1].score, abs=1e-5)
        assert near is None or each.log_prob == pytest.approx(near.log_prob, abs=1e-5)


@pytest.mark.parametrize("name", RANKINGS)
@pytest.mark.parametrize("kind", MODELS)
@settings(max_examples=2)
@given(seed=seeds, max_length=st.integers(1, 4), n_best=st.integers(1, 3))
def test_wide_enough_is_exhaustive(kind, name, seed, max_length, n_best):
    lm = MODELS[kind](seed)
    (found,) = beam(lm, 3**max_length, max_length=max_length, n_best=n_best, ranking=RANKINGS[name])
    check(found, exhaustive(lm, max_length, value=lambda each: formula(name, each))[:n_best])


@pytest.mark.parametrize("name", RANKINGS)
@few
@given(seed=seeds, width=st.integers(1, 4))
def test_every_score_is_its_formula(name, seed, width):
    lm = Chance(seed=seed)
    for row, hypotheses in enumerate(beam(lm, width, 2, max_length=5, n_best=width, ranking=RANKINGS[name])):
        assert hypotheses == sorted(hypotheses, key=lambda each: -each.score)
        for each in hypotheses:
            assert each.log_prob == pytest.approx(rescored(lm, each, row), abs=1e-5)
            assert each.score == pytest.approx(formula(name, each), abs=1e-9)


@few
@given(seed=seeds, width=st.integers(1, 4), rows=st.integers(2, 4))
def test_rows_do_not_see_each_other(seed, width, rows):
    lm, limits = Chance(seed=seed), [3, 6, 1, 4]
    together = beam(lm, width, rows, max_length=limits[:rows], n_best=width, ranking=RANKINGS["average"])
    fewer = beam(lm, width, rows - 1, max_length=limits[: rows - 1], n_best=width, ranking=RANKINGS["average"])
    assert together[:-1] == fewer
    for row, hypotheses in enumerate(together):
        assert all(len(each.tokens) + each.finished <= limits[row] for each in hypotheses)
        assert all(each.finished or len(each.tokens) == limits[row] for each in hypotheses)


@pytest.mark.parametrize("width", [1, 4])
def test_a_row_of_a_network_has_the_same_bits_alone(width):
    lm = lstm(7)
    prompts = [torch.tensor(row) for row in ([0, 1], [1], [0, 0, 1, 1], [1, 1, 0], [0], [1, 0, 1])]
    options = {"max_length": 12, "n_best": width, "ranking": RANKINGS["gnmt"]}
    together = beam(lm, width, len(prompts), prompt=Padded.of(prompts), **options)
    for row, prompt in enumerate(prompts):
        assert together[row] == beam(lm, width, prompt=Padded.of([prompt]), **options)[0]


def coverage(lm: Attentive, found: Hypothesis, row: int) -> float:
    """Σ_j ln min(Σ_i a_ij, 1) over the row's source positions, by walking."""
    state, looked = lm.start(torch.tensor([row])), torch.zeros(max(lm.sources), dtype=torch.float64)
    for token in [*found.tokens, *([lm.eos] if found.finished else [])]:
        looked += lm.attention(state)[0].double()
        state = lm.advance(state, torch.tensor([token]))
    return sum(math.log(min(max(each, 1e-10), 1)) for each in looked[: lm.sources[row]].tolist())


@few
@given(seed=seeds, beta=st.sampled_from([0.0, 0.2, 2.0]), max_length=st.integers(1, 4))
def test_coverage_against_everything(seed, beta, max_length):
    lm = Attentive([2, 3, 0], size=3, eos=1, seed=seed)
    ranking = Ranking(GNMT(0.6), coverage=Coverage(beta, lm.sources))
    found = beam(lm, 3**max_length, 3, max_length=max_length, n_best=2, ranking=ranking)
    for row in range(3):

        def value(each: Hypothesis, row: int = row) -> float:
            n = len(each.tokens) + each.finished
            return each.log_prob / ((5 + n) / 6) ** 0.6 + beta * coverage(lm, each, row)

        check(found[row], exhaustive(lm, max_length, row, value)[:2])


def test_coverage_makes_a_search_look_everywhere():
    lm = Attentive([4], size=4, seed=5)
    plain, covered = (
        beam(lm, 8, max_length=8, ranking=Ranking(coverage=Coverage(beta, [4])))[0][0] for beta in (0.0, 5.0)
    )
    assert coverage(lm, covered, 0) > coverage(lm, plain, 0)


def test_the_search_goes_on_while_a_longer_one_may_overtake():
    lm = Fixed([-0.9, -0.6, -4.0])  # closing at once: −0.9; later: a mean of nearly −0.6
    assert beam(lm, 2, max_length=9)[0][0].tokens == []
    asked = []
    look = lm.log_probs
    lm.log_probs = lambda state: asked.append(1) or look(state)
    (best,) = beam(lm, 2, max_length=9, ranking=Ranking(AverageLogProb()))[0]
    assert best.tokens == [1] * 9
    assert best.score == pytest.approx(-0.6)
    assert len(asked) == 9
    asked.clear()
    lm = Fixed([-0.01, -5.0, -6.0])  # −5 / 9 is less than −0.01: nothing can overtake
    look = lm.log_probs
    lm.log_probs = lambda state: asked.append(1) or look(state)
    beam(lm, 2, max_length=9, ranking=Ranking(AverageLogProb()))
    assert len(asked) == 1


def test_rows_as_long_as_their_sources():
    assert by_source([4, 0, 7], 1.5) == [6, 1, 10]
    assert by_source(torch.tensor([4, 0]).tolist(), 2.0, plus=3) == [11, 3]
    found = greedy(Fixed([-9.0, -0.1, -9.0]), 2, max_length=by_source([2, 3], 1.0))
    assert [len(each.tokens) for each in found] == [2, 3]


COVERING = Ranking(coverage=Coverage(1.0, [2]))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: GNMT(-1.0), "alpha: -1"),
        (lambda: GNMT(math.nan), "alpha: nan"),
        (lambda: Ranking(word_bonus=math.inf), "word_bonus: inf"),
        (lambda: Coverage(-0.1, [1]), "beta: -0.1"),
        (lambda: by_source([1], -1.0), "ratio: -1"),
        (lambda: beam(Chance(), 2, max_length=3, ranking=COVERING), "Chance has no attention"),
        (lambda: beam(lstm(0), 2, max_length=3, ranking=COVERING), "Language has no attention"),
        (lambda: beam(Chance(), 2, 2, max_length=3, ranking=COVERING), "1 source lengths for 2 rows"),
        (lambda: beam(Chance(), 2, 2, max_length=[3]), "max_length: there are 1 for 2 rows"),
        (lambda: greedy(Chance(), 2, max_length=[3, 0]), "max_length: 0 leaves no room"),
    ],
)
def test_what_cannot_be_is_refused(make, said):
    with pytest.raises(ConfigError, match=said):
        make()

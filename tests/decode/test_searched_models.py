"""The search against searching everything, on the models that people search: an n-gram, an LSTM, and their mixtures."""

import math

import numpy as np
import pytest
import torch
from everything import exhaustive, rescored
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.cells import LSTM
from ostinato.decode import beam, greedy
from ostinato.layers import Embedding, Recurrent
from ostinato.lm import LanguageModel, Mixture, Predictor, language_models
from ostinato.models import Language
from ostinato.padded import Padded

EOS = 1


def ngram(size: int, seed: int) -> LanguageModel:
    text = np.random.default_rng(seed).integers(0, size, 60)
    return language_models.build({"name": "ngram", "order": 3}, size=size, eos=EOS, chunks=[text])


def lstm(size: int, seed: int) -> Language:
    torch.manual_seed(seed)
    model = Language(Embedding(4, inputs=size), Recurrent(LSTM(5, inputs=4)), eos=EOS).eval()
    with torch.no_grad():  # further from uniform than a model begins
        for parameter in model.parameters():
            parameter *= 4
    return model


MODELS = {
    "n-gram": ngram,
    "LSTM": lstm,
    "linear": lambda size, seed: Mixture([ngram(size, seed), lstm(size, seed)], [0.6, 0.4]),
    "log-linear": lambda size, seed: Mixture([ngram(size, seed), lstm(size, seed)], [0.8, 0.7], "log-linear"),
}

seeds = st.integers(0, 10_000)
few = settings(max_examples=10)
each_model = pytest.mark.parametrize("name", MODELS)


def scores(found: list) -> list[float]:
    return [each.log_prob for each in found]


def check(lm: Predictor, found: list, row: int, prompt: list[int]) -> None:
    """Best first, no two alike, and each with the score that its model gives it."""
    assert scores(found) == sorted(scores(found), reverse=True)
    assert len({(tuple(each.tokens), each.finished) for each in found}) == len(found)
    assert scores(found) == pytest.approx([rescored(lm, each, row, prompt) for each in found], abs=1e-5)


@each_model
@few
@given(seed=seeds, size=st.integers(2, 4), max_length=st.integers(1, 4), n_best=st.integers(1, 5))
def test_wide_enough_is_exhaustive(name, seed, size, max_length, n_best):
    # By scores: an n-gram gives equal ones to sequences of the same n-grams, and these may come in any order.
    lm = MODELS[name](size, seed)
    wanted = exhaustive(lm, max_length)[:n_best]
    (found,) = beam(lm, max(size**max_length, n_best), max_length=max_length, n_best=n_best)
    check(lm, found, 0, [])
    assert scores(found) == pytest.approx(scores(wanted), abs=1e-5)
    clear = len(wanted) == 1 or not math.isclose(scores(wanted)[0], scores(wanted)[1], abs_tol=1e-4)
    if clear:
        assert (found[0].tokens, found[0].finished) == (wanted[0].tokens, wanted[0].finished)


@each_model
@few
@given(seed=seeds, width=st.integers(1, 5), data=st.data())
def test_scores_are_those_of_the_model_and_rows_do_not_see_each_other(name, seed, width, data):
    lm = MODELS[name](5, seed)
    tokens = st.integers(0, 4).filter(lambda token: token != EOS)
    prompts = data.draw(st.lists(st.lists(tokens, min_size=1, max_size=4), min_size=1, max_size=4))
    padded = Padded.of([torch.tensor(row) for row in prompts])
    together = beam(lm, width, len(prompts), max_length=6, n_best=width, prompt=padded)
    for row, found in enumerate(together):
        check(lm, found, row, prompts[row])
        (alone,) = beam(lm, width, max_length=6, n_best=width, prompt=Padded.full(torch.tensor([prompts[row]])))
        assert [each.tokens for each in alone] == [each.tokens for each in found]
        assert scores(alone) == scores(found)


@each_model
@few
@given(seed=seeds, rows=st.integers(1, 3), max_length=st.integers(1, 8))
def test_width_one_is_greedy(name, seed, rows, max_length):
    lm = MODELS[name](5, seed)
    beams = [best for (best,) in beam(lm, 1, rows, max_length=max_length)]
    assert beams == greedy(lm, rows, max_length=max_length)

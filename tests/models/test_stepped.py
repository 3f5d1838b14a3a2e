"""A model made ready for a search has the model's states and answers, bit for bit."""

import pytest
import torch

from ostinato.cells import GRU, LSTM
from ostinato.decode import beam, greedy, sample
from ostinato.layers import Dropout, Embedding, Recurrent, Residual, Stack
from ostinato.lm import searched
from ostinato.models import Language
from ostinato.models.stepped import MANY, Stepped
from ostinato.state import flatten
from ostinato.testing.language_models import LAWS

BODIES = {
    "lstm": lambda: Recurrent(LSTM(7, inputs=5)),
    "gru": lambda: Stack([Recurrent(GRU(7, inputs=5))]),
    "deep": lambda: Stack([Recurrent(LSTM(7, inputs=5)), Dropout(0.3, inputs=7), Stack([Recurrent(GRU(6, inputs=7))])]),
}


def model(body: str) -> Language:
    torch.manual_seed(3)
    return Language(Embedding(5, inputs=6), BODIES[body](), eos=0).eval()


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("rows", [1, 5, MANY + 3])
@pytest.mark.parametrize("threads", [1, 2])
def test_states_and_answers_are_the_same_bits(body, rows, threads):
    lm = model(body)
    ready = searched(lm)
    assert isinstance(ready, Stepped)
    torch.set_num_threads(threads)
    with torch.no_grad():
        one, other = lm.start(torch.arange(rows)), ready.start(torch.arange(rows))
        for _ in range(4):
            tokens = torch.randint(0, 6, (rows,))
            one, other = lm.advance(one, tokens), ready.advance(other, tokens)
            assert torch.equal(lm.log_probs(one), ready.log_probs(other))
            mine, theirs = flatten(one), flatten(other)
            assert mine.keys() == theirs.keys()
            assert all(torch.equal(mine[name], theirs[name]) for name in mine)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law(law):
    with torch.no_grad():
        law(searched(model("deep")))


def test_searches_find_the_same_with_and_without():
    class Plain:
        def __init__(self, lm):
            self.size, self.eos = lm.size, lm.eos
            self.start, self.log_probs, self.advance = lm.start, lm.log_probs, lm.advance

    lm = model("deep")
    for search in (greedy, sample, lambda lm, rows, **given: beam(lm, 4, rows, n_best=4, **given)):
        assert search(lm, 3, max_length=9) == search(Plain(lm), 3, max_length=9)


def test_weights_are_those_of_the_moment():
    lm = model("lstm")
    before = beam(lm, 3, max_length=6)
    with torch.no_grad():
        for parameter in lm.parameters():
            parameter.mul_(3)
    assert beam(lm, 3, max_length=6) != before


def test_what_cannot_be_packed_is_searched_as_it_is():
    around = Language(Embedding(5, inputs=6), Residual(Recurrent(LSTM(5, inputs=5))), eos=0).eval()
    for lm in (around, model("lstm").double(), model("deep").train()):
        assert searched(lm) is lm
    assert greedy(model("lstm").double(), 2, max_length=3)

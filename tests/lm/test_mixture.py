"""Mixtures, the cache, and words seen through characters: each against its definition."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from ostinato.errors import ConfigError, DataError
from ostinato.lm import Cache, Mixture, WordsAsPieces, language_models, token_log_probs
from ostinato.lm.em import fit_weights
from ostinato.padded import Padded
from ostinato.testing.language_models import LAWS

SIZE, EOS = 7, 0
TEXT = np.random.default_rng(0).choice(SIZE - 1, size=300, p=[0.1, 0.3, 0.25, 0.2, 0.1, 0.05])
SPELLINGS = {1: [3], 2: [3, 4], 3: [3, 4, 5], 4: [5, 3], 6: [4]}
"""Of a word model whose eos is 0 and whose unknown word is 5; letters 0, 3, 4 and 5, separator 1, eos 2."""


def made(**table):
    return language_models.build(table, size=SIZE, eos=EOS, chunks=[TEXT[:70], TEXT[70:]])


def words(**options):
    return WordsAsPieces(made(name="bigram"), SPELLINGS, size=6, eos=2, separator=1, **options)


MODELS = {
    "log-linear": lambda: Mixture([made(name="ngram"), made(name="unigram")], [0.8, 0.5], "log-linear"),
    "linear, one without weight": lambda: Mixture([made(name="ngram"), made(name="cache", length=2)], [1.0, 0.0]),
    "words": words,
    "words, open": lambda: words(unknown=5),
    "words, of a mixture": lambda: WordsAsPieces(
        Mixture([made(name="ngram"), made(name="uniform")]), SPELLINGS, size=6, eos=2, separator=1, unknown=5
    ),
    "mixture of mixtures": lambda: Mixture([MODELS["log-linear"](), made(name="bigram")]),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law(name, law):
    law(MODELS[name]())


def states(lm, steps=5):
    """The states along a row."""
    state = lm.start(torch.arange(1))
    for token in torch.randint(0, lm.size, (steps,)):
        yield state
        state = lm.advance(state, token.reshape(1))


def test_mixtures_are_what_they_are_called():
    models, weights = [made(name="ngram"), made(name="bigram"), made(name="uniform")], [0.5, 0.3, 0.2]
    linear, log_linear = Mixture(models, weights), Mixture(models, weights, "log-linear")
    for state in states(linear):
        each = [lm.log_probs(s)[0].double().exp().tolist() for lm, s in zip(models, state)]
        wanted = [sum(w * p[v] for w, p in zip(weights, each)) for v in range(SIZE)]
        products = [math.prod(p[v] ** w for w, p in zip(weights, each)) for v in range(SIZE)]
        torch.testing.assert_close(linear.log_probs(state)[0].exp(), torch.tensor(wanted))
        torch.testing.assert_close(
            log_linear.log_probs(state)[0].exp(), torch.tensor([p / sum(products) for p in products])
        )


def test_weights_are_the_best_there_are():
    """No other point of a fine grid is better, and no round of the tuning makes it worse."""
    dice = np.random.default_rng(1)
    log_probs = np.log(dice.dirichlet(np.ones(8), size=(3, 500))[..., 0])
    found = fit_weights(log_probs)
    assert math.isclose(found.sum(), 1)

    def likelihood(weights):
        return np.log(np.tensordot(weights, np.exp(log_probs), 1)).sum()

    grid = [np.array([a, b, 100 - a - b]) / 100 for a in range(101) for b in range(101 - a)]
    assert likelihood(found) >= max(map(likelihood, grid)) - 1e-6
    rounds = [np.full(3, 1 / 3)]
    for _ in range(20):
        shares = rounds[-1][:, None] * np.exp(log_probs)
        rounds.append((shares / shares.sum(0)).mean(1))
    assert all(likelihood(b) >= likelihood(a) - 1e-9 for a, b in pairwise(rounds))
    assert np.abs(rounds[-1] - found).max() < 0.05


def test_tuning_finds_the_model_that_knows():
    dev = torch.from_numpy(TEXT[None].astype(np.int64))
    tuned = Mixture([made(name="uniform"), made(name="ngram", order=2)]).tuned(Padded.full(dev))
    assert tuned.weights[1] > 0.9
    before, after = (
        float(token_log_probs(lm, Padded.full(dev), lm.start(torch.arange(1)))[0].sum())
        for lm in (Mixture(tuned.models), tuned)
    )
    assert after > before
    with pytest.raises(ConfigError, match="weights of a log-linear mixture cannot"):
        Mixture(tuned.models, kind="log-linear").tuned(Padded.full(dev))


def test_weights_and_vocabularies_that_do_not_fit_are_refused():
    one, other = made(name="uniform"), language_models.build({"name": "uniform"}, size=9, eos=EOS)
    with pytest.raises(ConfigError, match="7, 9 tokens"):
        Mixture([one, other])
    for weights in ([1.0], [0.0, 0.0], [-1.0, 2.0], [math.nan, 1.0]):
        with pytest.raises(ConfigError, match=r"mixture\.weights"):
            Mixture([one, one], weights)
    with pytest.raises(ConfigError, match="no model"):
        Mixture([])
    with pytest.raises(DataError, match="all tokens of the text have probability 0"):
        fit_weights(np.full((2, 3), -np.inf))


def test_the_cache_counts_the_last_tokens():
    cache, said = Cache(3, size=SIZE, eos=EOS), []
    state = cache.start(torch.arange(1))
    for token in (4, 4, 2, 2, 2, 6, 0):
        last = said[-3:]
        wanted = [last.count(v) / len(last) if last else 1 / SIZE for v in range(SIZE)]
        torch.testing.assert_close(cache.log_probs(state)[0].exp(), torch.tensor(wanted))
        state = cache.advance(state, torch.tensor([token]))
        said.append(token)


def spelt(sentence: list[int]) -> list[int]:
    pieces = [piece for word in sentence for piece in [1, *SPELLINGS[word]]]
    return [*pieces[1:], 2]


@pytest.mark.parametrize("sentence", [[], [1], [2, 2], [3, 1, 4], [6, 2, 3, 3]])
def test_a_spelt_sentence_costs_what_its_words_do(sentence):
    """Where every word has a spelling: word 5 is taken out of the word model by its sharing out what it had."""
    lm = words()
    tokens = torch.tensor([spelt(sentence)])
    found = float(token_log_probs(lm, Padded.full(tokens), lm.start(torch.arange(1)))[0].sum())
    wanted, state = 0.0, lm.lm.start(torch.arange(1))
    for word in [*sentence, EOS]:
        probs = lm.lm.log_probs(state)[0].double().exp()
        wanted += math.log(probs[word] / (1 - probs[5]))
        state = lm.lm.advance(state, torch.tensor([word]))
    assert math.isclose(found, wanted, rel_tol=1e-5)


def test_an_open_vocabulary_spells_anything():
    lm = words(unknown=5)
    strange = torch.tensor([[5, 5, 5, 1, 4, 2]])
    log_probs, after = token_log_probs(lm, Padded.full(strange), lm.start(torch.arange(1)))
    probs = lm.lm.log_probs(lm.lm.start(torch.arange(1)))[0].double().exp()
    below = float(probs[4])  # the one word that begins with 5
    unknown = float(probs[5]) / 4  # of all strings, those that begin with 5: there are four letters
    assert math.isclose(float(log_probs[0, 0]), math.log(below + unknown), rel_tol=1e-5)
    assert math.isclose(float(log_probs[0, 1]), math.log(unknown / 5 / (below + unknown)), rel_tol=1e-5)
    assert math.isclose(float(log_probs[0, 2]), math.log(1 / 5), rel_tol=1e-5)
    assert torch.isfinite(log_probs).all()
    assert int(after.node) == 0


def test_spellings_that_cannot_be_are_refused():
    for spellings, said in (
        ({1: [3], 2: [3]}, "spelt alike"),
        ({1: []}, "use pieces other"),
        ({1: [2]}, "use pieces other"),
        ({0: [3]}, "not a word of the model to spell"),
        ({}, "there are 0 spellings"),
    ):
        with pytest.raises(ConfigError, match=said):
            WordsAsPieces(made(name="bigram"), spellings, size=6, eos=2, separator=1)

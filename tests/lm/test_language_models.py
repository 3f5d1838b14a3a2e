"""Laws of every registered language model, and the baselines against counting by hand."""

import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from three_methods import ThreeMethods

from ostinato.errors import ConfigError, DataError
from ostinato.lm import (
    BigramBaseline,
    LanguageModel,
    Predictor,
    UniformBaseline,
    UnigramBaseline,
    fold,
    language_models,
    log_probs_of,
    token_log_probs,
)
from ostinato.padded import Padded
from ostinato.state import flatten, select

SIZE, EOS = 7, 0
TRAINED_ON = np.array([0, 1, 2, 1, 2, 3, 1, 2, 0, 4, 4, 1, 2, 3, 3, 5])


def made(name: str) -> LanguageModel:
    wiring = {"chunks": [TRAINED_ON[:5], TRAINED_ON[5:]], "size": SIZE, "eos": EOS}
    return language_models.build(language_models.example(name), **wiring)


def contexts(lm: Predictor, tokens: torch.Tensor):
    """The state after each step of tokens [N T], the first before any."""
    state = lm.start(torch.arange(len(tokens)))
    yield state
    for t in range(tokens.shape[1]):
        state = lm.advance(state, tokens[:, t])
        yield state


def check_sums_to_one(lm: Predictor, tokens: torch.Tensor) -> None:
    for state in contexts(lm, tokens):
        log_probs = lm.log_probs(state)
        assert log_probs.shape == (len(tokens), lm.size)
        torch.testing.assert_close(log_probs.double().exp().sum(dim=1), torch.ones(len(tokens), dtype=torch.float64))


def check_select_commutes_with_advance(lm: Predictor, tokens: torch.Tensor, rows: torch.Tensor) -> None:
    for state in contexts(lm, tokens):
        following = torch.arange(len(tokens)) % lm.size
        first = lm.advance(select(state, rows), following[rows])
        then = select(lm.advance(state, following), rows)
        torch.testing.assert_close(flatten(first), flatten(then))
        torch.testing.assert_close(lm.log_probs(first), lm.log_probs(then))


def check_batching_changes_nothing(lm: Predictor, tokens: Padded) -> None:
    together, _ = token_log_probs(lm, tokens, lm.start(torch.arange(tokens.batch)))
    for row, (alone, length) in enumerate(zip(tokens.rows(), tokens.lengths.tolist())):
        found, _ = token_log_probs(lm, Padded.full(alone.unsqueeze(0)), lm.start(torch.tensor([row])))
        torch.testing.assert_close(together[row, :length], found[0])
        assert (together[row, length:] == 0).all()


def check_score_is_the_fold(lm: Predictor, tokens: Padded) -> None:
    start = lm.start(torch.arange(tokens.batch))
    found, state = token_log_probs(lm, tokens, start)
    defined, defined_state = fold(lm, tokens, start)
    torch.testing.assert_close(found, defined)
    torch.testing.assert_close(flatten(state), flatten(defined_state))


def check_score_continues(lm: Predictor, tokens: torch.Tensor, cut: int) -> None:
    whole, _ = token_log_probs(lm, Padded.full(tokens), lm.start(torch.arange(len(tokens))))
    first, state = token_log_probs(lm, Padded.full(tokens[:, :cut]), lm.start(torch.arange(len(tokens))))
    then, _ = token_log_probs(lm, Padded.full(tokens[:, cut:]), state)
    torch.testing.assert_close(torch.cat([first, then], dim=1), whole)


def check_candidates(lm: Predictor, tokens: torch.Tensor, candidates: torch.Tensor) -> None:
    for state in contexts(lm, tokens):
        torch.testing.assert_close(log_probs_of(lm, state, candidates), lm.log_probs(state).gather(1, candidates))


def check_state_is_not_touched(lm: Predictor, tokens: torch.Tensor) -> None:
    for state in contexts(lm, tokens):
        before = {name: leaf.clone() for name, leaf in flatten(state).items()}
        lm.log_probs(state)
        lm.advance(state, tokens[:, 0])
        torch.testing.assert_close(flatten(state), before)


names = pytest.mark.parametrize("name", language_models.names())
foreign = pytest.mark.parametrize("wrap", [lambda lm: lm, ThreeMethods], ids=["own", "three-methods"])


@names
@foreign
@settings(max_examples=10)
@given(data=st.data())
def test_laws(name, wrap, data):
    lm = wrap(made(name))
    count, steps = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 5))
    ids = st.lists(st.integers(0, lm.size - 1), min_size=steps, max_size=steps)
    tokens = torch.tensor(data.draw(st.lists(ids, min_size=count, max_size=count)))
    lengths = torch.tensor(data.draw(st.lists(st.integers(0, steps), min_size=count, max_size=count)))
    rows = torch.tensor(data.draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=6)))
    check_sums_to_one(lm, tokens)
    check_select_commutes_with_advance(lm, tokens, rows)
    check_batching_changes_nothing(lm, Padded(tokens, lengths))
    check_score_is_the_fold(lm, Padded(tokens, lengths))
    check_score_is_the_fold(lm, Padded(tokens.masked_fill(~Padded(tokens, lengths).mask, -100), lengths))
    check_score_continues(lm, tokens, int(lengths[0]))
    check_candidates(lm, tokens, tokens[:, :3])
    check_state_is_not_touched(lm, tokens)


@names
def test_defaults_are_inherited(name):
    lm = made(name)
    assert isinstance(lm, LanguageModel)
    assert isinstance(ThreeMethods(lm), Predictor)
    state = lm.start(torch.arange(2))
    assert lm.attention(state) is None


@names
def test_the_cut_into_chunks_does_not_show(name):
    pieces = [TRAINED_ON[:1], TRAINED_ON[1:1], TRAINED_ON[1:7], TRAINED_ON[7:]]
    table = language_models.example(name)
    cut = language_models.build(table, chunks=pieces, size=SIZE, eos=EOS)
    state = cut.advance(cut.start(torch.arange(SIZE)), torch.arange(SIZE))
    torch.testing.assert_close(cut.log_probs(state), made(name).log_probs(state))


def test_unigram_is_counted_by_hand():
    counts = Counter(TRAINED_ON[1:].tolist())
    expected = [math.log((counts[w] + 0.5) / (len(TRAINED_ON) - 1 + 0.5 * SIZE)) for w in range(SIZE)]
    lm = UnigramBaseline.train([TRAINED_ON], SIZE, EOS)
    torch.testing.assert_close(lm.log_probs(lm.start(torch.arange(1)))[0], torch.tensor(expected))


@pytest.mark.parametrize("sparse", [False, True])
def test_bigram_is_counted_by_hand(sparse, monkeypatch):
    if sparse:
        monkeypatch.setattr("ostinato.lm.baselines.DENSE_PAIRS", 0)
    lm = BigramBaseline.train([TRAINED_ON[:6], TRAINED_ON[6:]], SIZE, EOS)
    ids = TRAINED_ON.tolist()
    pairs, tokens = Counter(pairwise(ids)), Counter(ids[1:])
    unigram = [(tokens[w] + 0.5) / (len(ids) - 1 + 0.5 * SIZE) for w in range(SIZE)]
    found = lm.log_probs(lm.advance(lm.start(torch.arange(SIZE)), torch.arange(SIZE))).exp()
    for v in range(SIZE):
        seen = sum(count for (first, _), count in pairs.items() if first == v)
        kinds = sum(first == v for first, _ in pairs)
        for w in range(SIZE):
            expected = (pairs[v, w] + kinds * unigram[w]) / (seen + kinds) if seen else unigram[w]
            assert found[v, w].item() == pytest.approx(expected, rel=1e-5)


def test_a_context_never_seen_is_the_unigram():
    bigram, unigram = BigramBaseline.train([TRAINED_ON], SIZE, EOS), UnigramBaseline.train([TRAINED_ON], SIZE, EOS)
    state = bigram.advance(bigram.start(torch.arange(1)), torch.tensor([6]))
    torch.testing.assert_close(bigram.log_probs(state), unigram.log_probs(state))


def test_a_bigram_starts_after_the_boundary():
    lm = BigramBaseline.train([TRAINED_ON], SIZE, EOS)
    start = lm.start(torch.arange(1))
    torch.testing.assert_close(lm.log_probs(start), lm.log_probs(lm.advance(start, torch.tensor([EOS]))))


def test_better_with_more_to_go_by():
    ids = np.array([0, *([1, 2, 3, 1, 2, 4] * 200)])
    held_out = Padded.full(torch.tensor([[1, 2, 4, 1, 2, 3] * 5]))
    nats = []
    for kind in (UniformBaseline, UnigramBaseline, BigramBaseline):
        lm = kind.train([ids], SIZE, EOS)
        nats.append(-token_log_probs(lm, held_out, lm.start(torch.arange(1)))[0].mean().item())
    assert nats[0] == pytest.approx(math.log(SIZE))
    assert nats[0] > nats[1] > nats[2]


def test_a_large_vocabulary_is_no_table():
    size = 200_000  # a table of pairs would be 320 GB
    ids = np.random.default_rng(0).integers(0, size, 5000)
    lm = BigramBaseline.train([ids], size, EOS)
    state = lm.advance(lm.start(torch.arange(3)), torch.tensor(ids[:3]))
    assert lm.log_probs(state).double().exp().sum(dim=1).tolist() == pytest.approx([1, 1, 1], abs=1e-4)
    assert lm.log_probs_of(state, torch.tensor(ids[1:4, None])).exp().min() > 0.1


def test_what_cannot_be_learnt_from_is_refused():
    for kind in (UnigramBaseline, BigramBaseline):
        for chunks in ([], [np.array([0])], [np.array([], np.int64)]):
            with pytest.raises(DataError, match="no token after the first to learn from"):
                kind.train(chunks, SIZE, EOS)
        for ids in ([0, SIZE], [0, -1]):
            with pytest.raises(DataError, match="an id outside"):
                kind.train([np.array(ids)], SIZE, EOS)
    for kind in (UniformBaseline, UnigramBaseline, BigramBaseline):
        with pytest.raises(ConfigError, match="eos 9 is not among 7 tokens"):
            kind.train([TRAINED_ON], SIZE, 9)
    with pytest.raises(ConfigError, match="smoothing"):
        language_models.build({"name": "bigram", "smoothing": 0.0}, chunks=[TRAINED_ON], size=SIZE, eos=EOS)


def test_no_steps_are_scored_as_nothing():
    lm = made("bigram")
    empty = Padded(torch.zeros(2, 0, dtype=torch.int64), torch.zeros(2, dtype=torch.int64))
    for way in (token_log_probs, fold):
        found, state = way(lm, empty, lm.start(torch.arange(2)))
        assert found.shape == (2, 0)
        assert state[0].tolist() == [EOS, EOS]

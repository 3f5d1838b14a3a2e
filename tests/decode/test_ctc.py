"""Greedy CTC against all paths, written out."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ostinato.decode import ctc_searches
from ostinato.errors import ConfigError, DivergedError
from ostinato.padded import Padded

GREEDY = ctc_searches.build({"name": "greedy"})


def spelt(path, blank) -> tuple[int, ...]:
    """Repeated labels merged, then blanks dropped."""
    return tuple(label for label, _ in itertools.groupby(path) if label != blank)


def by_paths(frames: torch.Tensor, blank: int) -> tuple[tuple[int, ...], float, float]:
    """The tokens of the best path, ln p of all paths that spell them, and ln p of the best path."""
    steps, labels = frames.shape
    paths = {
        path: sum(float(frames[t, label]) for t, label in enumerate(path))
        for path in itertools.product(range(labels), repeat=steps)
    }
    best = max(paths, key=lambda path: paths[path])
    tokens = spelt(best, blank)
    same = torch.tensor([log_prob for path, log_prob in paths.items() if spelt(path, blank) == tokens]).double()
    return tokens, float(same.logsumexp(0)), paths[best]


@given(seed=st.integers(0, 10_000), blank=st.integers(0, 2), sharpness=st.sampled_from([0.5, 4.0]))
def test_it_is_the_best_path_and_its_tokens_have_all_paths(seed, blank, sharpness):
    generator = torch.Generator().manual_seed(seed)
    data = (torch.randn(3, 5, 3, generator=generator) * sharpness).log_softmax(dim=2)
    lengths = torch.tensor([5, 2, 0])
    data[1, 2:] = torch.nan  # padding is invisible
    rows = GREEDY(Padded(data, lengths), blank=blank)
    for row, (hypothesis,) in enumerate(rows):
        tokens, log_prob, score = by_paths(data[row, : lengths[row]], blank)
        assert tuple(hypothesis.tokens) == tokens
        assert hypothesis.log_prob == pytest.approx(log_prob, abs=1e-5)
        assert hypothesis.score == pytest.approx(score, abs=1e-5)
        assert hypothesis.finished


def test_what_does_not_fit_is_refused():
    data = torch.zeros(1, 2, 3).log_softmax(dim=2)
    with pytest.raises(ConfigError, match="blank: 3 is not one of 3 labels"):
        GREEDY(Padded.full(data), blank=3)
    with pytest.raises(DivergedError, match="are NaN"):
        GREEDY(Padded.full(data * torch.nan))
    with pytest.raises(ConfigError, match="no ctc-search 'beam'"):
        ctc_searches.build({"name": "beam"})

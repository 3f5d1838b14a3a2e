"""Baselines: models without memory, from the frequencies of tokens and of pairs of tokens."""

from abc import abstractmethod
from collections.abc import Iterable
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ostinato.errors import ConfigError, DataError
from ostinato.lm.protocol import LanguageModel, register
from ostinato.padded import Padded
from ostinato.registry import Positive
from ostinato.shapes import LogProbs, Rows
from ostinato.state import State

Chunks = Iterable[npt.NDArray[Any]]

DENSE_PAIRS = 1 << 22
"""Up to this many possible pairs are counted in a table (32 MiB); more are sorted."""


class LastToken(NamedTuple):
    """The token before [N]."""

    token: Tensor


class Baseline(LanguageModel):
    """A language model whose state is its last token; `eos` before the first.

    It learns from one text as chunks of ids [T], cut anywhere. The first id is the boundary, which is a context and is
    not predicted (as in a TokenFile). Raises ConfigError where `eos` is not a token.
    """

    def __init__(self, size: int, eos: int):
        if not 0 <= eos < size:
            raise ConfigError(f"language model: eos {eos} is not among {size} tokens; give the tokenizer's own")
        self.size, self.eos = size, eos

    @abstractmethod
    def given(self, last: Tensor, tokens: Tensor) -> Tensor:
        """[M] in float64: ln p(token | last) of pairs of `last` [M] and `tokens` [M]."""

    def start(self, owner: Rows) -> LastToken:
        """The boundary, for each row of `owner` [N]."""
        return LastToken(torch.full_like(owner, self.eos))

    def advance(self, state: State, tokens: Rows) -> LastToken:
        """The tokens [N] themselves."""
        return LastToken(tokens.to(torch.int64))

    def log_probs_of(self, state: State, candidates: Int[Tensor, "N K"]) -> Float[Tensor, "N K"]:
        """[N K]: ln p(candidate | state), without computing the other tokens."""
        last = state[0].unsqueeze(1).expand_as(candidates)
        return self.given(last.reshape(-1), candidates.reshape(-1)).reshape(candidates.shape).float()

    def token_log_probs(self, tokens: Padded, state: State) -> tuple[Float[Tensor, "N T"], State]:
        """[N T], all steps at once, and the state after."""
        data = tokens.zeroed().data.to(torch.int64)
        history = torch.cat([state[0].unsqueeze(1), data], dim=1)
        log_probs = self.given(history[:, :-1].reshape(-1), data.reshape(-1)).reshape(data.shape).float()
        last = history.gather(1, tokens.lengths.to(history.device).unsqueeze(1)).squeeze(1)
        return log_probs.masked_fill(~tokens.mask, 0), LastToken(last)


@register("uniform")
class UniformBaseline(Baseline):
    """p(w) = 1 / V."""

    def __init__(self, *, size: int, eos: int):
        super().__init__(size, eos)

    @classmethod
    def train(cls, chunks: Chunks, size: int, eos: int) -> Self:
        """Nothing is learnt: the chunks are not read. Raises ConfigError where `eos` is not a token."""
        return cls(size=size, eos=eos)

    def log_probs(self, state: State) -> LogProbs:
        """[N V]: − ln V."""
        return torch.full((len(state[0]), self.size), -float(np.log(self.size)), device=state[0].device)

    def given(self, last: Tensor, tokens: Tensor) -> Tensor:
        """[M]: − ln V."""
        return torch.full(tokens.shape, -float(np.log(self.size)), dtype=torch.float64, device=tokens.device)


@register("unigram")
class UnigramBaseline(Baseline):
    """p(w) = (C(w) + a) / (N + a V), with a = `smoothing`: 0.5 by default (Krichevsky and Trofimov, 1981).

    Options:
        smoothing: added to the count of every token.
    """

    def __init__(self, smoothing: Positive = 0.5, *, chunks: Chunks, size: int, eos: int):
        super().__init__(size, eos)
        tokens = _Counts(size, chunks, pairs=False).tokens
        self._log = torch.from_numpy(np.log(_smoothed(tokens, smoothing)))

    @classmethod
    def train(cls, chunks: Chunks, size: int, eos: int) -> Self:
        """One pass over the ids. Raises DataError for an id outside the vocabulary, or where there is no token."""
        return cls(chunks=chunks, size=size, eos=eos)

    def log_probs(self, state: State) -> LogProbs:
        """[N V]: the same in every state."""
        return self._log.float().to(state[0].device).expand(len(state[0]), -1).clone()

    def given(self, last: Tensor, tokens: Tensor) -> Tensor:
        """[M]: ln p(token)."""
        return self._log.to(tokens.device)[tokens]


@register("bigram")
class BigramBaseline(Baseline):
    """p(w | v) = (C(v w) + T(v) p(w)) / (C(v) + T(v)), with T(v) the number of different tokens after v.

    Interpolated Witten–Bell smoothing (Witten and Bell, 1991; Chen and Goodman, 1999, section 2.5): the rarer a
    context, the more weight has the unigram p(w) = (C(w) + a) / (N + a V), with a = `smoothing`, 0.5 by default. Only
    the pairs that occur are stored, so that any vocabulary fits.

    Options:
        smoothing: added to the count of every token in the unigram distribution.
    """

    def __init__(self, smoothing: Positive = 0.5, *, chunks: Chunks, size: int, eos: int):
        super().__init__(size, eos)
        counts = _Counts(size, chunks, pairs=True)
        firsts = counts.pairs // size
        occurrences = np.bincount(firsts, counts.times, minlength=size)  # C(v)
        types = np.bincount(firsts, minlength=size)  # T(v)
        unigram_weight = np.divide(types, occurrences + types, out=np.ones(size), where=occurrences > 0)
        self._unigram = torch.from_numpy(_smoothed(counts.tokens, smoothing))
        self._unigram_weight = torch.from_numpy(unigram_weight)
        self._pairs = torch.from_numpy(counts.pairs)
        self._share = torch.from_numpy(counts.times / (occurrences + types)[firsts])
        self._begins = torch.from_numpy(np.concatenate([[0], np.cumsum(types)]))

    @classmethod
    def train(cls, chunks: Chunks, size: int, eos: int) -> Self:
        """One pass over the ids. Raises DataError for an id outside the vocabulary, or where there is no token."""
        return cls(chunks=chunks, size=size, eos=eos)

    def log_probs(self, state: State) -> LogProbs:
        """[N V]: the unigram's share plus the counts after each row's token."""
        last = state[0].cpu()
        probs = self._unigram_weight[last].unsqueeze(1) * self._unigram
        for row, (begin, end) in enumerate(zip(self._begins[last].tolist(), self._begins[last + 1].tolist())):
            probs[row, self._pairs[begin:end] % self.size] += self._share[begin:end]
        return probs.log().float().to(state[0].device)

    def given(self, last: Tensor, tokens: Tensor) -> Tensor:
        """[M]: ln p(token | last)."""
        before, after = last.cpu(), tokens.cpu()
        probs = self._unigram_weight[before] * self._unigram[after]
        pairs = before * self.size + after
        place = torch.searchsorted(self._pairs, pairs).clamp_max(len(self._pairs) - 1)
        probs += torch.where(self._pairs[place] == pairs, self._share[place], 0)
        return probs.log().to(tokens.device)


class _Counts:
    """The counts of the tokens of a text [V] and of its pairs [P], each pair first · size + second, ascending."""

    def __init__(self, size: int, chunks: Chunks, pairs: bool):
        self.tokens = np.zeros(size, np.int64)
        table = np.zeros(size * size, np.int64) if pairs and size * size <= DENSE_PAIRS else None
        self.pairs, self.times = np.zeros(0, np.int64), np.zeros(0, np.int64)
        last: npt.NDArray[np.int64] | None = None
        for chunk in chunks:
            ids = np.asarray(chunk, np.int64)
            if not len(ids):
                continue
            if ids.min() < 0 or ids.max() >= size:
                raise DataError(f"language model: there is an id outside 0 … {size - 1}; give the tokenizer's own size")
            joined = ids if last is None else np.concatenate([last, ids])
            last = ids[-1:]
            self.tokens += np.bincount(joined[1:], minlength=size)
            if table is not None:
                table += np.bincount(joined[:-1] * size + joined[1:], minlength=size * size)
            elif pairs:
                self._merge(joined[:-1] * size + joined[1:])
        if not self.tokens.any():
            raise DataError("language model: there is no token after the first to learn from; give a longer text")
        if table is not None:
            self.pairs = np.flatnonzero(table)
            self.times = table[self.pairs]

    def _merge(self, pairs: npt.NDArray[np.int64]) -> None:
        pairs, times = np.unique(pairs, return_counts=True)
        self.pairs, place = np.unique(np.concatenate([self.pairs, pairs]), return_inverse=True)
        self.times = np.bincount(place, np.concatenate([self.times, times])).astype(np.int64)


def _smoothed(counts: npt.NDArray[np.int64], smoothing: float) -> npt.NDArray[np.float64]:
    added = counts.astype(np.float64) + smoothing
    shares: npt.NDArray[np.float64] = added / added.sum()
    return shares

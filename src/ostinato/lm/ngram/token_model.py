"""Tokens: an n-gram model seen through the ids of a tokenizer; what search asks of it."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from ostinato.errors import ConfigError, DataError, StreamError
from ostinato.lm.ngram.vocabulary import BEGIN_NUMBER, END_NUMBER, NO_WORD, UNKNOWN_NUMBER, number_of

if TYPE_CHECKING:
    from torch import Tensor

    from ostinato.padded import Padded
else:  # torch is not imported before a search does, so annotations cannot name its types when they run
    Tensor = Padded = Any

State: TypeAlias = tuple[Any, ...]
Numbers: TypeAlias = npt.NDArray[np.uint32]

NATS = math.log(10)
BLOCK_COUNTS = 1 << 20


class NGramContext(NamedTuple):
    """The last tokens [N order − 1], the latest at the end, −1 where there is none; `eos` stands for a beginning."""

    tokens: Any


class TokenNGram:
    """Which word each token is, and back."""

    def __init__(self, model: Any, words: Sequence[str] | None):
        """`model` is an `ostinato._core.NGramModel`. Raises ConfigError where not exactly one word is `</s>`, or one is
        `<s>`."""
        self._model, self._width = model, model.order - 1
        if words is None:
            numbers = np.arange(model.words, dtype=np.uint32)
            self.eos = END_NUMBER
        else:
            numbers = np.array([number_of(model, word) for word in words], np.uint32)
            ends = np.flatnonzero(numbers == END_NUMBER)
            begins = np.count_nonzero(numbers == BEGIN_NUMBER)
            if len(ends) != 1 or begins:
                raise ConfigError(
                    f"tokens: {len(ends)} of {len(words)} are </s> and {begins} are <s>; "
                    "give each token's word, one of them </s> and none of them <s>"
                )
            self.eos = int(ends[0])
        self.size = len(numbers)
        self._numbers = numbers
        # In a history eos is where a sentence begins; the last entry is that of −1.
        self._before = np.append(np.where(numbers == END_NUMBER, np.uint32(BEGIN_NUMBER), numbers), NO_WORD)
        # The first token of each word stands for all of them in a state.
        _, first, inverse = np.unique(numbers, return_index=True, return_inverse=True)
        self._canonical = np.append(first[inverse], -1).astype(np.int64)
        unknown = int(np.count_nonzero(numbers == UNKNOWN_NUMBER))
        self._among_themselves = words is not None and unknown == 0
        self._normalized: bool = model.distribution
        self._shares = np.where(numbers == UNKNOWN_NUMBER, math.log(max(unknown, 1)), 0.0)
        self._own = words is None
        # Every word but <unk> and <s> is a token, so what tokens do not have is what <unk> has.
        distinct = len(first) == self.size == self._model.words - 2
        self._all_known = self._among_themselves and distinct and model.value_bits != 8

    def aligned(self, numbers: Sequence[int]) -> Numbers:
        """[1 order − 1]: one history of words."""
        history = np.full((1, self._width), NO_WORD)
        if len(numbers):
            history[0, self._width - len(numbers) :] = numbers
        return history

    def start(self, owner: Tensor) -> State:
        """Each row at the beginning of a sentence."""
        import torch

        tokens = torch.full((len(owner), self._width), -1, dtype=torch.int64, device=owner.device)
        tokens[:, self._width - 1 :] = self.eos
        return NGramContext(tokens)

    def log_probs(self, state: State) -> Tensor:
        """[N V]."""
        import torch

        log10 = self._model.distributions(self._history(state), torch.get_num_threads())
        log10 *= NATS
        return torch.from_numpy(self._of_tokens(log10).astype(np.float32)).to(state[0].device)

    def _of_tokens(self, nats: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """[N V] of ln p by word."""
        if self._own:
            return nats
        found: npt.NDArray[np.float64] = nats[:, self._numbers] - self._shares
        if self._among_themselves and self._normalized:
            found -= np.logaddexp.reduce(found, axis=1, keepdims=True)
        return found

    def advance(self, state: State, tokens: Tensor) -> State:
        """The state after a token a row."""
        import torch

        chosen = self._checked(tokens)[:, None]
        rows = len(chosen)
        return self._after(state, chosen, np.ones(rows, np.int64), torch.get_num_threads())[1]

    def token_log_probs(self, tokens: Padded, state: State) -> tuple[Tensor, State]:
        """[N T], and the state after each row's last token."""
        import torch

        if self._among_themselves:  # every token's probability is needed at each step
            from ostinato.lm.protocol import fold

            return fold(self, tokens, state)
        data = self._checked(tokens.zeroed().data)
        lengths = tokens.lengths.cpu().numpy().astype(np.int64)
        log10, after = self._after(state, data, lengths, torch.get_num_threads())
        found = log10 * NATS - np.where(np.arange(data.shape[1]) < lengths[:, None], self._shares[data], 0)
        return torch.from_numpy(found.astype(np.float32)).to(tokens.data.device), after

    def along(self, chunks: Iterable[npt.NDArray[Any]]) -> Iterator[npt.NDArray[np.float64]]:
        """ln p of each token of a text cut anywhere, from a beginning on; torch is not asked."""
        history = self.aligned([BEGIN_NUMBER] if self._width else [])
        for chunk in chunks:
            ids = self._inside(np.asarray(chunk, np.int64))
            lengths = np.full(1, len(ids), np.int64)
            log10 = self._model.score_rows(history, self._numbers[ids][None], lengths, 1)[0][0]
            seen = np.concatenate([history[0], self._before[ids]])
            nats = log10 * NATS - self._shares[ids]
            if self._among_themselves and self._normalized:
                nats -= self._total(seen, len(ids))
            yield nats
            history = np.ascontiguousarray(seen[len(seen) - self._width :][None])

    def _total(self, seen: Numbers, count: int) -> npt.NDArray[np.float64]:
        """ln Σ p of all tokens, at each of `count` places; `seen` is all words, from order − 1 before the first on."""
        found = np.empty(count)
        step = BLOCK_COUNTS if self._all_known else max(BLOCK_COUNTS // self._model.words, 1)
        for first in range(0, count, step):
            rows = min(step, count - first)
            places = np.arange(first, first + rows)[:, None] + np.arange(self._width)
            history = np.ascontiguousarray(seen[places])
            if self._all_known:
                unknown = self._model.score_candidates(history, np.full((rows, 1), UNKNOWN_NUMBER, np.uint32), 1)[:, 0]
                found[first : first + rows] = np.log1p(-np.exp(unknown * NATS))
            else:
                nats = self._model.distributions(history, 1)[:, self._numbers] * NATS - self._shares
                found[first : first + rows] = np.logaddexp.reduce(nats, axis=1)
        return found

    def log_probs_of(self, state: State, candidates: Tensor) -> Tensor:
        """[N K]."""
        import torch

        if self._among_themselves:
            return self.log_probs(state).gather(1, candidates)
        chosen = self._checked(candidates)
        log10 = self._model.score_candidates(self._history(state), self._numbers[chosen], torch.get_num_threads())
        found = (log10 * NATS - self._shares[chosen]).astype(np.float32)
        return torch.from_numpy(found).to(candidates.device)

    def _after(
        self, state: State, tokens: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64], threads: int
    ) -> tuple[npt.NDArray[np.float64], State]:
        import torch

        history = self._history(state)
        log10, _, contexts = self._model.score_rows(history, self._numbers[tokens], lengths, threads)
        everything = np.concatenate([state[0].cpu().numpy(), self._canonical[tokens]], axis=1)
        places = np.arange(self._width)
        last = np.take_along_axis(everything, places + lengths[:, None], axis=1)
        last[places < self._width - contexts[:, None]] = -1
        return log10, NGramContext(torch.from_numpy(last).to(state[0].device))

    def _history(self, state: State) -> Numbers:
        tokens = state[0].cpu().numpy()
        if tokens.ndim != 2 or tokens.shape[1] != self._width:
            raise StreamError(f"n-gram model: the state is {list(tokens.shape)}, not [N {self._width}]; call start")
        if tokens.size and not -1 <= tokens.min() <= tokens.max() < self.size:
            raise StreamError("n-gram model: the state has a token that is none; it is the state of another model")
        return np.ascontiguousarray(self._before[tokens])

    def _checked(self, tokens: Tensor) -> npt.NDArray[np.int64]:
        return self._inside(tokens.cpu().numpy().astype(np.int64))

    def _inside(self, found: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        if found.size and not 0 <= found.min() <= found.max() < self.size:
            raise DataError(f"n-gram model: there is a token outside 0 … {self.size - 1}; pass the model's own ids")
        return found

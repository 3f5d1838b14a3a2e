"""TokenNGram: an n-gram model of words as a language model over the ids of a tokenizer."""

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
    """The last tokens [N order − 1], the latest at the end, −1 where there is none; `eos` starts a sentence."""

    tokens: Any


class TokenNGram:
    """A compiled n-gram model as a LanguageModel: token i is the word `words[i]`, or, where `words` is None, the
    model's own word number i. See `NGram`. Raises ConfigError where not exactly one word is `</s>`, or one is `<s>`."""

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
        # In a history, eos is the start of a sentence; the last entry is that of −1.
        self._before = np.append(np.where(numbers == END_NUMBER, np.uint32(BEGIN_NUMBER), numbers), NO_WORD)
        # In a state, the first token of each word stands for all of its tokens.
        _, first, inverse = np.unique(numbers, return_index=True, return_inverse=True)
        self._canonical = np.append(first[inverse], -1).astype(np.int64)
        unknown = int(np.count_nonzero(numbers == UNKNOWN_NUMBER))
        self._among_themselves = words is not None and unknown == 0
        self._normalized: bool = model.distribution
        self._shares = np.where(numbers == UNKNOWN_NUMBER, math.log(max(unknown, 1)), 0.0)
        self._own = words is None
        # Every word but <unk> and <s> is a token, so the tokens have all probability but that of <unk>.
        distinct = len(first) == self.size == self._model.words - 2
        self._all_known = self._among_themselves and distinct and model.value_bits != 8

    def aligned(self, numbers: Sequence[int]) -> Numbers:
        """[1 order − 1]: one history, from the numbers of its words."""
        history = np.full((1, self._width), NO_WORD)
        if len(numbers):
            history[0, self._width - len(numbers) :] = numbers
        return history

    def start(self, owner: Tensor) -> State:
        """The state at the start of a sentence, for each row of `owner` [N]."""
        import torch

        tokens = torch.full((len(owner), self._width), -1, dtype=torch.int64, device=owner.device)
        tokens[:, self._width - 1 :] = self.eos
        return NGramContext(tokens)

    def log_probs(self, state: State) -> Tensor:
        """[N V]: ln p(token | state)."""
        import torch

        log10 = self._model.distributions(self._history(state), torch.get_num_threads())
        log10 *= NATS
        return torch.from_numpy(self._of_tokens(log10).astype(np.float32)).to(state[0].device)

    def _of_tokens(self, nats: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """[N V], from ln p by word [N W]."""
        if self._own:
            return nats
        log_probs: npt.NDArray[np.float64] = nats[:, self._numbers] - self._shares
        if self._among_themselves and self._normalized:
            log_probs -= np.logaddexp.reduce(log_probs, axis=1, keepdims=True)
        return log_probs

    def advance(self, state: State, tokens: Tensor) -> State:
        """The state after one more token a row [N]."""
        import torch

        ids = self._checked(tokens)[:, None]
        rows = len(ids)
        return self._after(state, ids, np.ones(rows, np.int64), torch.get_num_threads())[1]

    def token_log_probs(self, tokens: Padded, state: State) -> tuple[Tensor, State]:
        """[N T]: ln p of each token, 0 in the padding, and the state after each row's last token."""
        import torch

        if self._among_themselves:  # to normalize, each step needs the probability of every token
            from ostinato.lm.protocol import fold

            return fold(self, tokens, state)
        data = self._checked(tokens.zeroed().data)
        lengths = tokens.lengths.cpu().numpy().astype(np.int64)
        log10, after = self._after(state, data, lengths, torch.get_num_threads())
        log_probs = log10 * NATS - np.where(np.arange(data.shape[1]) < lengths[:, None], self._shares[data], 0)
        return torch.from_numpy(log_probs.astype(np.float32)).to(tokens.data.device), after

    def along(self, chunks: Iterable[npt.NDArray[Any]]) -> Iterator[npt.NDArray[np.float64]]:
        """[T] for each chunk [T] of a text, cut anywhere: ln p of each token after all before it; without torch."""
        history = self.aligned([BEGIN_NUMBER] if self._width else [])
        for chunk in chunks:
            ids = self._inside(np.asarray(chunk, np.int64))
            lengths = np.full(1, len(ids), np.int64)
            log10 = self._model.score_rows(history, self._numbers[ids][None], lengths, 1)[0][0]
            words = np.concatenate([history[0], self._before[ids]])
            nats = log10 * NATS - self._shares[ids]
            if self._among_themselves and self._normalized:
                nats -= self._total(words, len(ids))
            yield nats
            history = np.ascontiguousarray(words[len(words) - self._width :][None])

    def _total(self, words: Numbers, count: int) -> npt.NDArray[np.float64]:
        """[count]: ln Σ p of all tokens at each place; `words` begins order − 1 words before the first place."""
        totals = np.empty(count)
        step = BLOCK_COUNTS if self._all_known else max(BLOCK_COUNTS // self._model.words, 1)
        for first in range(0, count, step):
            rows = min(step, count - first)
            places = np.arange(first, first + rows)[:, None] + np.arange(self._width)
            history = np.ascontiguousarray(words[places])
            if self._all_known:
                unknown = self._model.score_candidates(history, np.full((rows, 1), UNKNOWN_NUMBER, np.uint32), 1)[:, 0]
                totals[first : first + rows] = np.log1p(-np.exp(unknown * NATS))
            else:
                nats = self._model.distributions(history, 1)[:, self._numbers] * NATS - self._shares
                totals[first : first + rows] = np.logaddexp.reduce(nats, axis=1)
        return totals

    def log_probs_of(self, state: State, candidates: Tensor) -> Tensor:
        """[N K]: ln p(candidate | state)."""
        import torch

        if self._among_themselves:
            return self.log_probs(state).gather(1, candidates)
        ids = self._checked(candidates)
        log10 = self._model.score_candidates(self._history(state), self._numbers[ids], torch.get_num_threads())
        log_probs = (log10 * NATS - self._shares[ids]).astype(np.float32)
        return torch.from_numpy(log_probs).to(candidates.device)

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
            raise StreamError(
                f"n-gram model: the state is {list(tokens.shape)}, not [N {self._width}]; begin with start"
            )
        if tokens.size and not -1 <= tokens.min() <= tokens.max() < self.size:
            raise StreamError(
                "n-gram model: the state has a token that the model does not have; pass the state of this model"
            )
        return np.ascontiguousarray(self._before[tokens])

    def _checked(self, tokens: Tensor) -> npt.NDArray[np.int64]:
        return self._inside(tokens.cpu().numpy().astype(np.int64))

    def _inside(self, ids: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        if ids.size and not 0 <= ids.min() <= ids.max() < self.size:
            raise DataError(f"n-gram model: there is a token outside 0 … {self.size - 1}; pass the model's own ids")
        return ids

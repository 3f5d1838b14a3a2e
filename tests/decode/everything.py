"""Models that are chance, and the search that looks at everything."""

import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ostinato.decode import Hypothesis
from ostinato.lm import Predictor, token_log_probs
from ostinato.padded import Padded


class Seen(NamedTuple):
    owner: Tensor
    hash: Tensor


class Chance:
    """Random distributions: each depends on the source row and on every token so far. Only the three methods."""

    def __init__(self, size: int = 4, eos: int = 0, seed: int = 0, sharpness: float = 2.0):
        self.size, self.eos, self._seed, self._sharpness = size, eos, seed, sharpness
        self._known: dict[tuple[int, int], Tensor] = {}

    def start(self, owner):
        return Seen(owner, torch.zeros_like(owner))

    def log_probs(self, state):
        rows = [self._drawn(*each) for each in zip(state.owner.tolist(), state.hash.tolist())]
        return torch.stack(rows).log_softmax(dim=1)

    def advance(self, state, tokens):
        return Seen(state.owner, state.hash * (self.size + 1) + tokens + 1)

    def _drawn(self, owner: int, seen: int) -> Tensor:
        if (owner, seen) not in self._known:
            generator = torch.Generator().manual_seed((self._seed * 31 + owner) * 1_000_003 + seen)
            self._known[owner, seen] = torch.randn(self.size, generator=generator) * self._sharpness
        return self._known[owner, seen]


class Attentive(Chance):
    """Chance that looks at sources of these lengths, by chance."""

    def __init__(self, sources: Sequence[int], **options):
        super().__init__(**options)
        self.sources = list(sources)

    def attention(self, state):
        rows = []
        for owner, seen in zip(state.owner.tolist(), state.hash.tolist()):
            generator = torch.Generator().manual_seed((self._seed * 37 + owner) * 1_000_003 + seen)
            scores = torch.randn(max(self.sources), generator=generator) * 2
            scores[self.sources[owner] :] = -torch.inf
            rows.append(scores.softmax(dim=0) if self.sources[owner] else torch.zeros_like(scores))
        return torch.stack(rows)


class Fixed:
    """The same distribution after anything."""

    def __init__(self, log_probs: list[float], eos: int = 0):
        self.size, self.eos, self._log_probs = len(log_probs), eos, torch.tensor(log_probs)

    def start(self, owner):
        return (owner,)

    def log_probs(self, state):
        return self._log_probs.expand(len(state[0]), -1)

    def advance(self, state, tokens):
        return state


def rescored(lm: Predictor, found: Hypothesis, row: int = 0, prompt: Sequence[int] = ()) -> float:
    tokens = [*prompt, *found.tokens, *([lm.eos] if found.finished else [])]
    log_probs, _ = token_log_probs(lm, Padded.full(torch.tensor([tokens])), lm.start(torch.tensor([row])))
    return log_probs[0, len(prompt) :].double().sum().item()


def sequences(lm: Predictor, max_length: int, row: int = 0) -> list[Hypothesis]:
    """Everything that `max_length` steps can lead to."""
    words = [token for token in range(lm.size) if token != lm.eos]
    found = [(list(tokens), False) for tokens in itertools.product(words, repeat=max_length)]
    for length in range(max_length):
        found += [(list(tokens), True) for tokens in itertools.product(words, repeat=length)]
    padded = Padded.of([torch.tensor([*tokens, lm.eos] if finished else tokens) for tokens, finished in found])
    log_probs, _ = token_log_probs(lm, padded, lm.start(torch.full((len(found),), row)))
    totals = log_probs.double().sum(dim=1).tolist()
    return [Hypothesis(tokens, total, finished, total) for (tokens, finished), total in zip(found, totals)]


def exhaustive(
    lm: Predictor,
    max_length: int,
    row: int = 0,
    value: Callable[[Hypothesis], float] | None = None,
    allowed: Callable[[Hypothesis], bool] = lambda found: True,
) -> list[Hypothesis]:
    """The allowed ones of them, best first by `value`, or by ln p."""
    found = [each for each in sequences(lm, max_length, row) if allowed(each)]
    if value is not None:
        found = [Hypothesis(each.tokens, each.log_prob, each.finished, value(each)) for each in found]
    return sorted(found, key=lambda each: -each.score)

"""Ranking: what a hypothesis is worth, by its log-probability, its length and what of the source it looked at."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ostinato.decode.options import refuse

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

NEVER = 1e-10
"""So little attention counts as none: a source position that nobody looked at costs 23 β, and not infinity."""


class LengthPenalty(Protocol):
    """What ln p is divided by."""

    def divisor(self, length: int) -> float:
        """Above 0 for every length from 1 on, and never less for a longer hypothesis."""


@dataclass(frozen=True)
class GNMT:
    """((5 + n) / 6)^alpha (Wu et al., 2016, equation 14). Raises ConfigError for an alpha below 0."""

    alpha: float = 0.6

    def __post_init__(self) -> None:
        if not (self.alpha >= 0 and math.isfinite(self.alpha)):
            refuse([f"alpha: {self.alpha} is not a power from 0 on; 0 changes nothing, 1 favours long hypotheses most"])

    def divisor(self, length: int) -> float:
        """1 for one token."""
        return float(((5 + length) / 6) ** self.alpha)


@dataclass(frozen=True)
class AverageLogProb:
    """n: hypotheses are compared by their mean ln p a token."""

    def divisor(self, length: int) -> float:
        """n itself."""
        return float(length)


@dataclass(frozen=True)
class Coverage:
    """β Σ_j ln min(Σ_i a_ij, 1), with a_ij how much was looked at source position j before token i (Wu et al., 2016,
    equation 14). `sources` has the length of each row's source: what stands after it is no position.

    The model must have `attention`. Raises ConfigError for a β below 0.
    """

    beta: float
    sources: Sequence[int]

    def __post_init__(self) -> None:
        if not (self.beta >= 0 and math.isfinite(self.beta)):
            refuse([f"beta: {self.beta} is not a weight from 0 on; 0 changes nothing"])

    def term(self, looked: Tensor, rows: Ints) -> Floats:
        """What is added for the attention [N S] that was given to the sources of `rows` [N]."""
        lengths = torch.as_tensor(self.sources, dtype=torch.int64)[torch.from_numpy(rows)]
        real = torch.arange(looked.shape[1]) < lengths.unsqueeze(1)
        logs = looked.cpu().double().clamp(NEVER, 1).log()
        added: Floats = logs.masked_fill(~real, 0).sum(dim=1).numpy()
        return added * self.beta


@dataclass(frozen=True)
class Ranking:
    """score = ln p / divisor(n) + word_bonus · n + coverage, of n tokens with `</s>` counted; each part may be absent.

    With a divisor that grows, or a bonus, an open hypothesis may still overtake a finished one. `bounds` says how far
    it can come: ln p only falls, the divisor grows no further than to the row's longest length, the bonus is at best
    that of the shortest or of the longest length to come, and coverage is at best 0.
    """

    length: LengthPenalty | None = None
    word_bonus: float = 0.0
    coverage: Coverage | None = None

    def __post_init__(self) -> None:
        if not math.isfinite(self.word_bonus):
            refuse([f"word_bonus: {self.word_bonus} is not a finite number; give nats a token"])

    def scores(self, log_probs: Floats, length: int, covered: Floats | float = 0.0) -> Floats:
        """Of hypotheses that are `length` long and whose coverage adds `covered`."""
        divided = log_probs if self.length is None else log_probs / self.length.divisor(length)
        return divided + (self.word_bonus * length + covered)

    def bounds(self, log_probs: Floats, length: int, longest: Ints) -> Floats:
        """What no continuation of open hypotheses, now `length` long and one day at most `longest` [N], can exceed."""
        divided = log_probs
        if self.length is not None:
            lengths, places = np.unique(longest, return_inverse=True)
            divided = log_probs / np.array([self.length.divisor(each) for each in lengths.tolist()])[places]
        found: Floats = divided + np.maximum(self.word_bonus * (length + 1), self.word_bonus * longest)
        return found

"""Ranking: the score of a hypothesis, from its log-probability, its length and its attention to the source."""

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

LEAST_ATTENTION = 1e-10
"""Attention below this counts as this, so that a source position without attention costs 23 β and not infinity."""


class LengthPenalty(Protocol):
    """The divisor of ln p."""

    def divisor(self, length: int) -> float:
        """A number above 0 for every length ≥ 1 (tokens), which never decreases with the length."""


@dataclass(frozen=True)
class GNMT:
    """((5 + n) / 6)^alpha (Wu et al., 2016, equation 14). Raises ConfigError for an alpha below 0."""

    alpha: float = 0.6

    def __post_init__(self) -> None:
        if not (self.alpha >= 0 and math.isfinite(self.alpha)):
            refuse([f"alpha: {self.alpha} is not a finite number of at least 0; 0 changes nothing, 0.6 is usual"])

    def divisor(self, length: int) -> float:
        """((5 + length) / 6)^alpha, the length in tokens."""
        return float(((5 + length) / 6) ** self.alpha)


@dataclass(frozen=True)
class AverageLogProb:
    """n: hypotheses are compared by their mean ln p per token."""

    def divisor(self, length: int) -> float:
        """The length in tokens."""
        return float(length)


@dataclass(frozen=True)
class Coverage:
    """β Σ_j ln min(Σ_i a_ij, 1), where a_ij is the attention of token i to source position j (Wu et al., 2016,
    equation 14). `sources` has the length of each row's source; positions after it are padding.

    The model must have `attention`. Raises ConfigError for a β below 0.
    """

    beta: float
    sources: Sequence[int]

    def __post_init__(self) -> None:
        if not (self.beta >= 0 and math.isfinite(self.beta)):
            refuse([f"beta: {self.beta} is not a finite weight of at least 0; 0 changes nothing"])

    def term(self, attention: Tensor, rows: Ints) -> Floats:
        """[N]: the term for attention [N S], summed over tokens, of hypotheses of the rows `rows` [N]."""
        lengths = torch.as_tensor(self.sources, dtype=torch.int64)[torch.from_numpy(rows)]
        real = torch.arange(attention.shape[1]) < lengths.unsqueeze(1)
        logs = attention.cpu().double().clamp(LEAST_ATTENTION, 1).log()
        terms: Floats = logs.masked_fill(~real, 0).sum(dim=1).numpy()
        return terms * self.beta


@dataclass(frozen=True)
class Ranking:
    """score = ln p / divisor(n) + word_bonus · n + coverage of n tokens, `</s>` counted; each part is optional.

    With a divisor that grows, or a bonus, an open hypothesis may still overtake a finished one. `bounds` gives the most
    it can reach: ln p only falls, the divisor is at most that of the row's longest length, the bonus is at most that of
    the shortest or of the longest length to come, and coverage is at most 0.

    Raises ConfigError for a bonus that is not finite.
    """

    length: LengthPenalty | None = None
    word_bonus: float = 0.0
    coverage: Coverage | None = None

    def __post_init__(self) -> None:
        if not math.isfinite(self.word_bonus):
            refuse([f"word_bonus: {self.word_bonus} is not a finite number; give nats per token"])

    def scores(self, log_probs: Floats, length: int, covered: Floats | float = 0.0) -> Floats:
        """[N], of hypotheses of `length` tokens with ln p `log_probs` [N] and the coverage terms `covered` [N]."""
        divided = log_probs if self.length is None else log_probs / self.length.divisor(length)
        return divided + (self.word_bonus * length + covered)

    def bounds(self, log_probs: Floats, length: int, longest: Ints) -> Floats:
        """[N]: the most that a continuation can score, of hypotheses of `length` tokens and at most `longest` [N]."""
        divided = log_probs
        if self.length is not None:
            lengths, places = np.unique(longest, return_inverse=True)
            divided = log_probs / np.array([self.length.divisor(each) for each in lengths.tolist()])[places]
        bounds: Floats = divided + np.maximum(self.word_bonus * (length + 1), self.word_bonus * longest)
        return bounds

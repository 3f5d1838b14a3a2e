"""Reading: what a model paid for each token of a text, and every number that follows from it."""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ostinato.errors import ComparisonError, DataError
from ostinato.metrics.base import Score, Stats, evaluate
from ostinato.metrics.language import (
    BEFORE,
    BitsPerByte,
    BitsPerCharacter,
    LanguageMetric,
    NatsPerCharacter,
    Perplexity,
)

EVERY: tuple[type[LanguageMetric], ...] = (BitsPerCharacter, NatsPerCharacter, BitsPerByte, Perplexity)


class ScoringConditions(NamedTuple):
    """What a reading's numbers mean: sha256 of the text and of the tokenizer, and how the text was read."""

    corpus: str
    tokenizer: str
    carried: bool = True
    window: str = "window"
    markers: str = BEFORE

    def of_text(self) -> "ScoringConditions":
        """What a number per character or byte means: there a line's </s> is the character that ends it, and that a
        model forgets with every line is the model's own affair, not that of how the text was read."""
        return self._replace(carried=True, window="window", markers=BEFORE) if self.window == "line" else self


@dataclass(frozen=True)
class TokenScores:
    """ln p of each of T tokens [T] and whether it is unknown [T]; R rows (sentences, or stretches of a text), each by
    the place where it ends [R] and its characters [R] and UTF-8 bytes [R]. `dropped` counts lines without a word."""

    log_probs: npt.NDArray[np.float64]
    unknown: npt.NDArray[np.bool_]
    ends: npt.NDArray[np.int64]
    characters: npt.NDArray[np.int64]
    bytes: npt.NDArray[np.int64]
    meaning: ScoringConditions
    dropped: int = 0

    @property
    def tokens(self) -> int:
        """T."""
        return len(self.log_probs)

    @property
    def impossible(self) -> int:
        """How many tokens the model gave no probability at all."""
        return int(np.count_nonzero(np.isneginf(self.log_probs)))

    @property
    def oov(self) -> int:
        """How many tokens are unknown."""
        return int(np.count_nonzero(self.unknown))

    def rows(self) -> list[slice]:
        """Where each row's tokens are."""
        return [slice(first, end) for first, end in zip([0, *self.ends[:-1].tolist()], self.ends.tolist())]

    def table(self, oov_left_out: bool = False) -> Stats:
        """[R 5]: the statistics of a LanguageMetric, of each row."""
        scored = ~self.unknown if oov_left_out else np.ones(self.tokens, np.bool_)
        nats = -np.where(scored, self.log_probs, 0.0)
        columns = [_by_row(column, self.ends) for column in (nats, scored, self.unknown)]
        return np.stack([columns[0], columns[1], self.characters, self.bytes, columns[2]], axis=1).astype(np.float64)

    def score(self, kind: type[LanguageMetric] = Perplexity, *, oov_left_out: bool = False) -> Score:
        """A number with its interval over rows. Raises DataError where there is nothing to measure, or no number."""
        if np.isnan(self.log_probs).any():
            raise DataError(f"{kind.name}: a log-probability is not a number (NaN); the model is broken, make it again")
        meaning = self.meaning if kind.counts == "token" else self.meaning.of_text()
        metric, table = kind(**meaning._asdict(), oov_left_out=oov_left_out), self.table(oov_left_out)
        return evaluate(metric, table, resamples=1000 if np.isfinite(table).all() else 0)

    def scores(self) -> list[Score]:
        """Every number that a task of language modelling prints."""
        return [self.score(kind) for kind in EVERY]

    def paying(self, log_probs: npt.NDArray[np.float64]) -> "TokenScores":
        """The same text, read by another model."""
        return replace(self, log_probs=log_probs)


def mixed(readings: list[TokenScores], weights: npt.NDArray[np.float64]) -> TokenScores:
    """The scores of the mixture Σ w p, with a weight w for each of the readings: `weights` [readings]. Raises
    ComparisonError where the readings are not of the same tokens."""
    first = readings[0]
    for other in readings[1:]:
        if other.meaning != first.meaning or not np.array_equal(other.unknown, first.unknown):
            raise ComparisonError(
                "mixture: its models do not read the text as the same tokens; build them with one tokenizer, or with "
                "one vocabulary"
            )
    weighed = [r.log_probs + np.log(w) for r, w in zip(readings, weights) if w]  # without weight, p may be 0 as well
    return first.paying(np.logaddexp.reduce(weighed, axis=0))


def _by_row(values: npt.NDArray[Any], ends: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    starts = np.concatenate([[0], ends[:-1]])  # no row is empty
    return np.add.reduceat(values.astype(np.float64), starts)

"""Ranking: whether positive examples have higher scores than negative ones, over all thresholds.

One row is one example: the scores of its labels, and which of them it has. A label is measured where the table has
both positive and negative examples of it, and the number is the mean over the measured labels (macro average).
"""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

from ostinato.errors import DataError
from ostinato.metrics.base import ExamplesSignature, Metric, Stats, register


@dataclass(frozen=True)
class RankingSignature(ExamplesSignature):
    """The examples, and how many of the labels have both positive and negative ones."""

    labels: str | None = None


class RankingMetric(Metric):
    """Statistics [scores C, labels C] of C labels; a binary problem has C = 1.

    `examples` names what is measured, and becomes part of the signature.
    """

    better = "higher"

    def __init__(self, *, examples: str | None = None):
        self.examples = examples

    @abstractmethod
    def score_of_label(self, positives: Stats, negatives: Stats) -> float:
        """The number for one label, from the scores of its positive examples [P] and negative ones [N], P, N ≥ 1."""

    def stats(self, prediction: Any, reference: Any) -> Stats:
        """[2 C] of scores [C] (any real numbers, or infinite) and labels [C] (0 or 1); scalars where C = 1.

        Raises DataError where the shapes differ, a score is NaN, or a label is neither 0 nor 1.
        """
        scores, labels = np.atleast_1d(prediction), np.atleast_1d(reference)
        if scores.shape != labels.shape or scores.ndim != 1:
            raise DataError(
                f"{self.name}: scores {list(scores.shape)} stand beside labels {list(labels.shape)}; "
                "give each example one score for each label, [C] and [C]"
            )
        if np.isnan(scores).any():
            raise DataError(f"{self.name}: a score is not a number (NaN); the model diverged, train it again")
        if not np.isin(labels, (0, 1)).all():
            raise DataError(f"{self.name}: the labels {labels[:8].tolist()} are not all 0 or 1; give 1 for a positive")
        return np.concatenate([scores, labels]).astype(np.float64)

    def score(self, table: Stats) -> float:
        """The mean over labels of `score_of_label`, from a table [R 2C]; NaN where no label has both classes."""
        scores, positive = _columns(table)
        measured = np.flatnonzero(_has_both(positive))
        values = [self.score_of_label(scores[positive[:, c], c], scores[~positive[:, c], c]) for c in measured]
        return float(np.mean(values)) if values else float("nan")

    def signature(self, table: Stats) -> RankingSignature:
        """The examples, and the labels that are measured in a table [R 2C]."""
        both = _has_both(_columns(table)[1])
        return RankingSignature(self.examples, f"{np.count_nonzero(both)} of {len(both)}")

    def example_row(self, generator: np.random.Generator, noise: float) -> tuple[Any, Any]:
        """Scores of three labels, rounded so that some are equal."""
        reference = generator.integers(2, size=3)
        return np.round(reference + noise * generator.normal(size=3), 1), reference


@register("auroc")
class AUROC(RankingMetric):
    """The area under the ROC curve (Hanley and McNeil, 1982): the share of pairs of a positive and a negative example
    in which the positive one has the higher score; a pair of equal scores counts half. Chance is 0.5."""

    name, unit = "auroc", "area under the ROC curve"

    def score_of_label(self, positives: Stats, negatives: Stats) -> float:
        """(pairs in order + ties / 2) / (P N)."""
        ordered = np.sort(negatives)
        below = np.searchsorted(ordered, positives, "left")
        not_above = np.searchsorted(ordered, positives, "right")
        return float((below + not_above).sum() / (2 * len(positives) * len(negatives)))


@register("average_precision")
class AveragePrecision(RankingMetric):
    """The area under the steps of precision over recall, Σ_k (R_k − R_{k−1}) P_k over the different scores from the
    highest down (Manning, Raghavan and Schütze, 2008, section 8.4); examples of equal score are retrieved together.
    Chance is the share of positive examples."""

    name, unit = "average_precision", "average precision"

    def score_of_label(self, positives: Stats, negatives: Stats) -> float:
        """The mean over positive examples of the precision at their score."""
        hits = len(positives) - np.searchsorted(np.sort(positives), positives, "left")
        false_alarms = len(negatives) - np.searchsorted(np.sort(negatives), positives, "left")
        return float((hits / (hits + false_alarms)).mean())


def _columns(table: Stats) -> tuple[Stats, Any]:
    """Scores [R C], and which labels are positive [R C]."""
    labels = table.shape[1] // 2
    return table[:, :labels], table[:, labels:] > 0.5


def _has_both(positive: Any) -> Any:
    """[C]: whether the label has both positive and negative examples."""
    return positive.any(axis=0) & ~positive.all(axis=0)

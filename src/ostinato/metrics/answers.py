"""How many answers are right, and how far off numbers are."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ostinato.errors import DataError
from ostinato.metrics.base import Metric, Signature, Stats, register


@dataclass(frozen=True)
class AnswersSignature(Signature):
    """What was asked: answers to other questions are no comparison."""

    problem: str | None = None


class AnswerMetric(Metric):
    """Of one row: [A] answers beside [A] wanted ones.

    Options:
        problem: the problem's name, as part of the signature.
    """

    def __init__(self, problem: str | None = None):
        self.problem = problem

    def stats(self, prediction: Any, reference: Any) -> Stats:
        """[what they come to, how many there are]."""
        found, wanted = np.asarray(prediction), np.asarray(reference)
        if found.shape != wanted.shape:
            raise DataError(f"{self.name}: {list(found.shape)} answers beside {list(wanted.shape)}; give one for each")
        return np.array([self.cost(found, wanted), found.size], np.float64)

    def cost(self, found: Any, wanted: Any) -> float:
        """Of one row, summed."""
        raise NotImplementedError

    def score(self, total: Stats) -> float:
        """The mean."""
        return float(total[0] / total[1]) if total[1] else float("nan")

    def signature(self, total: Stats) -> AnswersSignature:
        """The problem."""
        return AnswersSignature(self.problem)


@register("accuracy")
class Accuracy(AnswerMetric):
    """The share of right answers."""

    name, unit, better = "accuracy", "of answers right", "higher"

    def cost(self, found: Any, wanted: Any) -> float:
        """How many are right."""
        return float(np.count_nonzero(found == wanted))


@register("squared_error")
class SquaredError(AnswerMetric):
    """The mean squared error."""

    name, unit = "squared_error", "mean squared error"

    def cost(self, found: Any, wanted: Any) -> float:
        """The sum of squares."""
        return float(np.square(np.asarray(found, np.float64) - wanted).sum())

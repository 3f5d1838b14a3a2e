"""Evaluation: when a model in training is scored, with which metrics, and which of the scores picks the best."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from ostinato.errors import ConfigError
from ostinato.metrics.base import Score
from ostinato.registry import nearest
from ostinato.tasks.base import Task
from ostinato.training.settings import Settings

SPLIT = "valid"


@dataclass(frozen=True)
class Evaluated:
    """The scores of one evaluation, and those of a full one where it was due. `selected` is the score that the best
    checkpoint is picked by; None where this evaluation did not measure it."""

    scores: list[Score]
    full: list[Score] | None
    selected: Score | None


class Evaluator:
    """Quick metrics at every evaluation; all of them at every `full_evaluate_every`-th and at the end.

    Raises ConfigError where the task has no metric, or not the one that `best_by` names.
    """

    def __init__(self, task: Task[Any, Any], settings: Settings):
        quick, full = task.metrics_for(SPLIT, quick=True), task.metrics_for(SPLIT)
        if not full:
            raise ConfigError(f"task: {type(task).__name__} has no metric, so no model is the best; give it one")
        self.task, self.every = task, settings.full_evaluate_every
        names = [metric.name for metric in full]
        self.best_by = settings.best_by or (quick or full)[0].name
        if self.best_by not in names:
            raise ConfigError(
                f"train.best_by: the task has no metric '{self.best_by}' for these data; {nearest(self.best_by, names)}"
            )
        self.only_full = self.best_by not in {metric.name for metric in quick}
        self.unit = (quick or full)[0].unit
        self.quick_is_full = [(type(metric), vars(metric)) for metric in quick] == [
            (type(metric), vars(metric)) for metric in full
        ]

    def full_seconds(self, model: nn.Module, quick_seconds: float) -> float:
        """How long an evaluation by every metric takes, such as the one at the end; measured where a quick one, which
        took `quick_seconds`, is not the same."""
        if self.quick_is_full:
            return quick_seconds
        started = time.monotonic()
        self.task.evaluate(model, SPLIT)
        return time.monotonic() - started

    def evaluate(self, model: nn.Module, number: int, progress: Callable[[int, int], None]) -> Evaluated:
        """Evaluation `number`, from 1, of a model; `progress` is told batches done and batches in all."""
        every = self.every or (1 if self.only_full else None)
        due = every is not None and number % every == 0
        full = self.task.evaluate(model, SPLIT, progress) if due else None
        if self.only_full and full is not None:
            return Evaluated(full, full, _named(full, self.best_by))
        quick = self.task.evaluate(model, SPLIT, progress, quick=True)
        return Evaluated(quick, full, None if self.only_full else _named(quick, self.best_by))


def _named(scores: Sequence[Score], name: str) -> Score:
    return next(score for score in scores if score.name == name)

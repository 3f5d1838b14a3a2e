"""The runs of a comparison: each contestant under each value with each seed, ordinary training in a folder of its own.

A run that has ended is not trained again, nor its model judged again, so the same command goes on where it was stopped.
"""

import contextlib
import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ostinato.bundle import MANIFEST, Bundle
from ostinato.compare.comparison import Comparison
from ostinato.compare.plan import Contestant
from ostinato.compare.scales import prepared
from ostinato.files import replacing
from ostinato.metrics.base import Score, Stats, evaluate
from ostinato.recipe import Recipe
from ostinato.tasks.base import Task
from ostinato.training import Progress, Settings, fit
from ostinato.training.progress import TrainingView

JUDGED = "test.json"
SPLIT = "test"


@dataclass(frozen=True)
class ContestantRun:
    """One that has ended: its test score, what each test row added to that [R S], and what it took."""

    contestant: Contestant
    seed: int
    folder: Path
    task: Task[Any, Any]
    score: Score
    rows: Stats
    steps: int
    seconds: float


def runs(
    comparison: Comparison, contestants: Sequence[Contestant], out: Path, progress: Progress, *, fresh: bool = False
) -> Iterator[ContestantRun]:
    """Train and judge all, one after another. Raises what `train.fit` raises; `fresh` deletes runs that are there."""
    pairs = [(contestant, seed) for contestant in contestants for seed in comparison.terms.seeds]
    spent, trained = 0.0, 0
    for number, (contestant, seed) in enumerate(pairs):
        folder = folder_of(comparison, contestant, seed, out)
        has_ended, begun = (folder / MANIFEST).exists() and not fresh, time.monotonic()
        if not has_ended:
            what = f"run {number + 1} of {len(pairs)}: {_name(comparison, contestant)}, seed {seed}"
            progress.say(what + _rate(spent, trained, len(pairs) - number))
        recipe = contestant.recipe(seed)
        fitted = fit(recipe, folder, _Shared(progress), fresh=fresh, baselines=False)
        task, rows = _judged(recipe, fitted.bundle, folder, progress)
        score = evaluate(task.metrics_for(SPLIT)[0], rows)
        if not has_ended:
            spent, trained = spent + time.monotonic() - begun, trained + 1
        yield ContestantRun(contestant, seed, folder, task, score, rows, fitted.steps, fitted.seconds)


def folder_of(comparison: Comparison, contestant: Contestant, seed: int, out: Path) -> Path:
    """Where a run lies."""
    below = out / contestant.name
    if comparison.sweep:
        below /= f"{comparison.sweep.name}-{contestant.value}"
    return below / f"seed-{seed}"


def _name(comparison: Comparison, contestant: Contestant) -> str:
    return contestant.name + (f", {comparison.sweep.name} {contestant.value}" if comparison.sweep else "")


def _rate(spent: float, trained: int, left: int) -> str:
    if not trained:
        return ""
    minutes, seconds = divmod(round(spent / trained * left), 60)
    return f" · {spent / trained:.1f} s a run · {minutes}:{seconds:02d} left"


def _judged(recipe: Recipe[Settings], bundle: Bundle, folder: Path, progress: Progress) -> tuple[Task[Any, Any], Stats]:
    """The task with the run's data open, and the test rows' statistics: read back if they are of this very bundle."""
    task = prepared(bundle.task, recipe.data.build(folder=folder / "data", progress=progress.stage))
    digest = hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
    with contextlib.suppress(OSError, ValueError, KeyError):
        saved = json.loads((folder / JUDGED).read_bytes())
        if saved["bundle"] == digest:
            return task, np.asarray(saved["rows"], np.float64)
    rows = task.statistics(bundle.model, SPLIT, partial(progress.stage, SPLIT))[0]
    with replacing(folder / JUDGED) as file:
        file.write(json.dumps({"bundle": digest, "rows": rows.tolist()}).encode())
    return task, rows


class _Shared:
    """The progress of all runs, which no single one closes."""

    def __init__(self, progress: Progress):
        self.say, self.stage = progress.say, progress.stage
        self._progress = progress

    def training(self, view: TrainingView) -> None:
        self._progress.training(view)

    def close(self) -> None:
        """It goes on."""

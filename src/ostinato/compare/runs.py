"""The runs of a comparison: each contestant, value of the sweep and seed is an ordinary training in its own folder.

A run that has ended is neither trained nor scored again, so that the same command continues after an interruption.
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

from ostinato.bundle import Bundle
from ostinato.bundle_folder import MANIFEST
from ostinato.compare.comparison import Comparison
from ostinato.compare.plan import Contestant
from ostinato.compare.scales import prepare
from ostinato.files import replacing
from ostinato.metrics.base import Score, Stats, evaluate
from ostinato.recipe import Recipe
from ostinato.tasks.base import Task
from ostinato.training import Progress, Settings, fit
from ostinato.training.progress import TrainingView

SCORES_FILE = "test.json"
SPLIT = "test"


@dataclass(frozen=True)
class ContestantRun:
    """A run that has ended, with its score on the test split, the statistics of each test row (`rows` [R S]), the
    number of steps and the seconds of training."""

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
    """Train and score all runs, one after another, in folders below `out`; `fresh` deletes earlier runs there.

    Raises what `training.fit` raises.
    """
    planned = [(contestant, seed) for contestant in contestants for seed in comparison.terms.seeds]
    total_seconds, trained = 0.0, 0
    for number, (contestant, seed) in enumerate(planned):
        folder = folder_of(comparison, contestant, seed, out)
        has_ended, start = (folder / MANIFEST).exists() and not fresh, time.monotonic()
        if not has_ended:
            name = f"run {number + 1} of {len(planned)}: {_name(comparison, contestant)}, seed {seed}"
            progress.say(name + _time_left(total_seconds, trained, len(planned) - number))
        recipe = contestant.recipe(seed)
        fitted = fit(recipe, folder, _SharedProgress(progress), fresh=fresh, baselines=False)
        task, rows = _test_statistics(recipe, fitted.bundle, folder, progress)
        score = evaluate(task.metrics_for(SPLIT)[0], rows)
        if not has_ended:
            total_seconds, trained = total_seconds + time.monotonic() - start, trained + 1
        yield ContestantRun(contestant, seed, folder, task, score, rows, fitted.steps, fitted.seconds)


def folder_of(comparison: Comparison, contestant: Contestant, seed: int, out: Path) -> Path:
    """The folder of a run below `out`."""
    below = out / contestant.name
    if comparison.sweep:
        below /= f"{comparison.sweep.name}-{contestant.value}"
    return below / f"seed-{seed}"


def _name(comparison: Comparison, contestant: Contestant) -> str:
    return contestant.name + (f", {comparison.sweep.name} {contestant.value}" if comparison.sweep else "")


def _time_left(total_seconds: float, trained: int, left: int) -> str:
    if not trained:
        return ""
    seconds_per_run = total_seconds / trained
    minutes, seconds = divmod(round(seconds_per_run * left), 60)
    return f" · {seconds_per_run:.1f} s a run · {minutes}:{seconds:02d} left"


def _test_statistics(
    recipe: Recipe[Settings], bundle: Bundle, folder: Path, progress: Progress
) -> tuple[Task[Any, Any], Stats]:
    """The task with the run's data, and the statistics of the test rows [R S], read from the folder where they are of
    the same bundle."""
    task = prepare(bundle.task, recipe.data.build(folder=folder / "data", progress=progress.stage))
    digest = hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
    with contextlib.suppress(OSError, ValueError, KeyError):
        recorded = json.loads((folder / SCORES_FILE).read_bytes())
        if recorded["bundle"] == digest:
            return task, np.asarray(recorded["rows"], np.float64)
    rows = task.statistics(bundle.model, SPLIT, partial(progress.stage, SPLIT))[0]
    with replacing(folder / SCORES_FILE) as file:
        file.write(json.dumps({"bundle": digest, "rows": rows.tolist()}).encode())
    return task, rows


class _SharedProgress:
    """The progress of all runs: the end of a single run does not close it."""

    def __init__(self, progress: Progress):
        self.say, self.stage = progress.say, progress.stage
        self._progress = progress

    def training(self, view: TrainingView) -> None:
        self._progress.training(view)

    def close(self) -> None:
        """Does nothing; the progress is closed after the last run."""

"""Baselines: the scores that a run's model must beat, recorded beside its own."""

import json
from collections.abc import Mapping
from pathlib import Path

from ostinato.metrics.base import Score
from ostinato.progress import OnProgress, silent
from ostinato.recipe import Recipe
from ostinato.tasks.base import Task
from ostinato.training.log import FILE, append
from ostinato.training.run_state import plain, scores_of
from ostinato.training.settings import Settings

SPLIT = "valid"


def baselines(
    recipe: Recipe[Settings], task: Task, out: Path, steps: int, progress: OnProgress = silent
) -> Mapping[str, list[Score]]:
    """The scores of each baseline of `task` on the validation split, by the baseline's name.

    `out` is the folder of a run that ended after `steps` steps. The scores are computed once, from the recipe's data,
    which `task` is prepared with, and recorded in the run's metrics.jsonl; later calls read them there. Raises what
    reading the data raises, and ResourceError where the disk is full.
    """
    recorded = [row for row in map(json.loads, _lines(out / FILE)) if row["kind"] == "baselines"]
    if recorded:
        return {name: scores_of(scores) for name, scores in recorded[-1]["scores"].items()}
    task.prepare(recipe.data.build(folder=out / "data", progress=progress))
    scores = task.baselines(SPLIT)
    append(out, "baselines", step=steps, split=SPLIT, scores={name: plain(each) for name, each in scores.items()})
    return scores


def _lines(path: Path) -> list[bytes]:
    """Every whole line; a last line that is half-written has no end yet."""
    return path.read_bytes().split(b"\n")[:-1] if path.exists() else []

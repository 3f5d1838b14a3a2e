"""Run: a finished training and what it came to; `train` makes one from Python."""

import os
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Literal

from ostinato.bundle import Bundle
from ostinato.metrics import Score
from ostinato.recipe import check, read, with_value, without_other_limits
from ostinato.recipe_catalog import recipe_path
from ostinato.training.fitting import fit
from ostinato.training.progress import Progress, standard
from ostinato.training.settings import Settings
from ostinato.training.signals import Interrupted


@dataclass(frozen=True, repr=False)
class Run:
    """A finished training: its folder, the best model, that model's scores on the validation split by name, how many
    steps were done in how many seconds, and whether training ended at its end or early."""

    path: Path
    bundle: Bundle
    scores: dict[str, Score]
    steps: int
    seconds: float
    stopped: Literal["finished", "early"]

    def __repr__(self) -> str:
        scores = ", ".join(f"{name} {score.value:.4g}" for name, score in self.scores.items())
        return f"Run({str(self.path)!r}: {self.steps:,} steps in {self.seconds:,.0f} s; {scores})"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th>{escape(score.name)}</th><td>{score.value:.4g} {escape(score.unit)}</td></tr>"
            for score in self.scores.values()
        )
        caption = f"{escape(str(self.path))}: {self.steps:,} steps in {self.seconds:,.0f} s"
        return f"<table><caption>{caption}</caption>{rows}</table>{self.bundle._repr_html_()}"


def train(
    recipe: str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    *,
    fresh: bool = False,
    progress: Progress | None = None,
    **changes: Any,
) -> Run:
    """Train what a recipe says, in the folder `out` (default: runs/ and the recipe's name).

    `recipe` is a name (`ostinato recipes` lists them) or the path of a .toml file; `changes` are values of it by dotted
    key: `train("char-rnn", **{"data.text": "novel.txt", "train.seconds": 60})`. The same call resumes a run that was
    stopped, and returns at once for one that has ended; `fresh` deletes it first. An interrupt (Ctrl-C, or a notebook's
    stop button) writes a checkpoint and raises Interrupted.

    Raises ConfigError naming every problem of the recipe, or where `out` holds another run; DataError for data that
    cannot be used; BundleError where no checkpoint of the run can be read; DivergedError; ResourceError.
    """
    path = recipe_path(recipe)
    table = read(path)
    for key, value in changes.items():
        table = with_value(table, key, os.fspath(value) if isinstance(value, os.PathLike) else value, f"train: {key}")
    table = without_other_limits(table, changes)
    folder = Path("runs", path.stem) if out is None else Path(out)
    try:
        fitted = fit(check(table, Settings, str(path)), folder, progress or standard(), fresh=fresh)
    except Interrupted as stop:
        raise Interrupted(stop.signal, f"{folder}: stopped with a checkpoint; call train again to resume") from None
    scores = {score.name: score for score in fitted.scores}
    return Run(folder, fitted.bundle, scores, fitted.steps, fitted.seconds, fitted.stopped)

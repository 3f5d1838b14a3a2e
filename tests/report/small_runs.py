"""Training runs of a few steps, and what stands in their logs."""

import json
from html import escape
from pathlib import Path
from typing import Any

import pytest

from ostinato.recipe import load
from ostinato.report import Subject, charts, page, subjects
from ostinato.training import Settings, Silent, fit

TEXT = "the cat sat on the mat, and the dog sat on the cat. " * 320  # half of it is two rows to judge on

LANGUAGE = """\
[task]
name = "language"
tokenizer = { name = "TOKENIZER" }
bptt_steps = 8
[data]
name = "text"
text = "FILE"
valid = 0.5
[model]
name = "language"
embedding = 4
cell = { name = "CELL", hidden = 5 }
[train]
batch_size = 4
steps = 12
evaluate_every = 4
log_every = 2
optimizer = { name = "adamw", learning_rate = 1e-2 }
"""

PROBE = """\
[task]
name = "synthetic"
[data]
name = "synthetic"
problem = { name = "delayed_recall", cues = 2, distractors = 2, lag = 3 }
train = 64
valid = 20
[model]
name = "sequence"
embedding = 4
body = [{ name = "mean_pooling" }]
[train]
batch_size = 8
steps = 4
evaluate_every = 2
log_every = 1
"""

FILE = "<script>alert('text')&.txt"
"""The name of the text that is learnt."""


def trained(folder: Path) -> Path:
    """`lstm`, `gru`, `byte` and `recall` in a folder."""
    text = folder / FILE
    text.write_text(TEXT, "utf-8")
    for name, tokenizer, cell in (("lstm", "character", "lstm"), ("gru", "character", "gru"), ("byte", "byte", "gru")):
        recipe = LANGUAGE.replace("TOKENIZER", tokenizer).replace("CELL", cell).replace("FILE", str(text))
        _train(folder, name, recipe)
    _train(folder, "recall", PROBE)
    return folder


def rows(run: Path, kind: str) -> list[dict[str, Any]]:
    """What metrics.jsonl holds of a kind."""
    lines = (run / "metrics.jsonl").read_text("utf-8").splitlines()
    return [row for row in map(json.loads, lines) if row["kind"] == kind]


def baseline_rows(run: Path) -> dict[str, dict[str, Any]]:
    """The baselines' scores in metrics.jsonl, by the baseline's and by the score's name."""
    (row,) = rows(run, "baselines")
    return {name: {score["name"]: score for score in scores} for name, scores in row["scores"].items()}


def best(run: Path) -> dict[str, Any]:
    """The scores of the best model by name, as they were measured when training ended."""
    (final,) = rows(run, "final")
    return {score["name"]: score for score in final["scores"]}


def reported(*runs: Path) -> str:
    """The page of runs, but that a chart is only its title: drawing would be most of the time that these tests take."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(charts, "svg", lambda series, title, **_: f"<svg><title>{escape(title)}</title></svg>")
        return drawn(*runs)


def drawn(*runs: Path) -> str:
    """The page of runs."""
    return page(list(subjects(runs)), "a day")


def subject(run: Path) -> Subject:
    """One run by itself."""
    (found,) = subjects([run])
    return found


def _train(folder: Path, name: str, text: str) -> None:
    recipe = folder / f"{name}.toml"
    recipe.write_text(text, "utf-8")
    fit(load(recipe, (), Settings), folder / name, Silent())

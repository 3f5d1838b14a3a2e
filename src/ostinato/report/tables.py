"""Tables: the facts of the runs side by side."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from ostinato.report.subject import Subject, differences


@dataclass(frozen=True)
class Number:
    """A number: its value as the run has it, the text to show, the interval around it, and a mark beside it."""

    value: int | float
    text: str
    interval: tuple[float, float] | None = None
    mark: str = ""


Cell: TypeAlias = str | Number


@dataclass(frozen=True)
class RowGroup:
    """Rows that belong together, below a title that may be empty."""

    rows: tuple[tuple[Cell, ...], ...]
    title: str = ""


@dataclass(frozen=True)
class ReportTable:
    """A table with its caption. `words` stand below it; `meaning` explains its columns; `is_by_run` says that each
    column but the first is a run."""

    caption: str
    header: tuple[str, ...]
    groups: tuple[RowGroup, ...]
    words: str = ""
    meaning: "ReportTable | None" = None
    is_by_run: bool = False


def facts(subjects: Sequence[Subject]) -> ReportTable:
    """A column a run: how it ended, how large it is, how long it took, which versions wrote it."""
    cells: dict[str, list[Cell]] = {
        "model": [str(subject.recipe["model"]["name"]) for subject in subjects],
        "state": [state(subject) for subject in subjects],
        "parameters": [Number(subject.parameters, f"{subject.parameters:,}") for subject in subjects],
        "steps": [_count(subject.history.steps if subject.state != "bundle" else None) for subject in subjects],
        "best at step": [_count(best.step if (best := subject.history.best) else None) for subject in subjects],
        "time in training": [_seconds(subject.history.seconds) for subject in subjects],
    }
    for name in dict.fromkeys(name for subject in subjects for name in subject.versions):
        cells[name] = [subject.versions.get(name, "") for subject in subjects]
    rows = tuple((name, *row) for name, row in cells.items())
    header = ("", *(subject.name for subject in subjects))
    words = "A run's folder does not say on which machine it was trained."
    return ReportTable("State and size of each run", header, (RowGroup(rows),), words, is_by_run=True)


def predictions(subjects: Sequence[Subject]) -> ReportTable:
    """The first held-out rows of every run that writes no text, with what its model predicts."""
    groups = tuple(
        RowGroup(tuple((row.key, row.prediction, row.reference) for row in subject.sample.rows), subject.name)
        for subject in subjects
        if subject.sample.rows
    )
    return ReportTable("Predictions on held-out rows", ("row", "prediction", "reference"), groups)


def differing(subjects: Sequence[Subject]) -> ReportTable:
    """The keys in which the recipes differ, side by side."""
    rows = tuple((key, *map(shown, values)) for key, values in differences(subjects).items())
    header = ("key", *(subject.name for subject in subjects))
    return ReportTable("Keys of the recipe that differ", header, (RowGroup(rows),), is_by_run=True)


def notes(subjects: Sequence[Subject]) -> ReportTable:
    """What happened during training, besides the steps themselves."""
    rows: list[tuple[Cell, ...]] = []
    for subject in subjects:
        for note in subject.history.notes:
            rows.append((subject.name, Number(note["step"], f"{note['step']:,}"), _noted(note)))
        skipped = subject.history.training[-1]["skipped"] if subject.history.training else 0
        if skipped:
            steps = "1 step was" if skipped == 1 else f"{skipped:,} steps were"
            rows.append((subject.name, "", f"{steps} skipped, as the loss or its gradient was not finite"))
        if subject.history.unfinished:
            rows.append((subject.name, "", "the last line of its log is half-written and was left out"))
        rows += [(subject.name, "", warning) for warning in subject.warnings]
    return ReportTable("What happened during training", ("run", "step", "note"), (RowGroup(tuple(rows)),))


def state(subject: Subject) -> str:
    """The state of a run in words."""
    stop_after = subject.recipe.get("train", {}).get("stop_after")
    return {
        "bundle": "a bundle alone, without a training log",
        "not ended": "not ended: still in training, or stopped",
        "finished": "finished",
        "early": f"ended early, after {stop_after} evaluations without a new best",
        "ended": "ended; there is no checkpoint that says how",
    }[subject.state]


def shown(value: Any) -> str:
    """A value of a recipe as JSON; a key without a value is "not set"."""
    return "not set" if value is None else json.dumps(value, ensure_ascii=False)


def rounded(value: float) -> str:
    """A number with four significant digits."""
    if value and not 1e-3 <= abs(value) < 1e4:
        return f"{value:.3e}"
    return f"{value:#.4g}".rstrip(".")


def _count(count: int | None) -> Cell:
    return "" if count is None else Number(count, f"{count:,}")


def _seconds(seconds: float | None) -> Cell:
    return "" if seconds is None else Number(seconds, _duration(seconds))


def _noted(note: Any) -> str:
    if note["note"] == "total_steps":
        return f"train.seconds was fixed at {note['total_steps']:,} steps, from the speed so far"
    if note["note"] == "return":
        return (
            f"{note['reason']} at step {note['from_step']:,}; training went back to this step and continued with "
            f"{note['rate_scale']:g} of the learning rate"
        )
    rest = {name: value for name, value in note.items() if name not in ("kind", "step", "note")}
    return f"{note['note']} {json.dumps(rest, ensure_ascii=False) if rest else ''}".strip()


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:,.1f} s"
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours:,} h {rest // 60} min" if hours else f"{rest // 60} min {rest % 60} s"

"""Tables: the numbers of the runs, each beside what it is."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from ostinato.metrics.base import Score
from ostinato.report.charts import Judged, apart, judged, mean_the_same
from ostinato.report.subject import Subject, differences


@dataclass(frozen=True)
class Number:
    """A number as it is written in the run, as a person reads it, and the interval around it."""

    value: int | float
    text: str
    interval: tuple[float, float] | None = None


Cell: TypeAlias = str | Number


@dataclass(frozen=True)
class ReportTable:
    """`caption` names it, `words` say what else there is to know, and `meaning` tells what its columns are."""

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    words: str = ""
    meaning: "ReportTable | None" = None


def overview(subjects: Sequence[Subject]) -> ReportTable:
    """Each run: how it ended, how large it is, how long it took."""
    rows = []
    for subject in subjects:
        best, seconds = subject.history.best, subject.history.seconds
        rows.append(
            (
                subject.name,
                str(subject.recipe["model"]["name"]),
                state(subject),
                Number(subject.parameters, f"{subject.parameters:,}"),
                Number(subject.history.steps, f"{subject.history.steps:,}") if subject.state != "bundle" else "",
                Number(best.step, f"{best.step:,}") if best is not None else "",
                Number(seconds, _duration(seconds)) if seconds is not None else "",
            )
        )
    header = ("run", "model", "state", "parameters", "steps", "best at step", "time in training")
    return ReportTable("How each run stands", header, tuple(rows))


def scores(subjects: Sequence[Subject]) -> list[ReportTable]:
    """Of each run the best evaluation so far. A table holds what means the same in all of its rows."""
    # Scores whose signatures set the same runs apart share their tables: as a rule that is one table for all.
    patterns: dict[tuple[Any, ...], list[list[tuple[list[Judged], str]]]] = {}
    for (split, _), each in judged(subjects).items():
        groups = apart(each, mean_the_same)
        pattern = (split, *(tuple(one.subject.name for one in members) for members, _ in groups))
        patterns.setdefault(pattern, []).append(groups)
    return [
        _scored(str(split), [groups[place][0] for groups in each], each[0][place][1])
        for (split, *members), each in patterns.items()
        for place in range(len(members))
    ]


def _scored(split: str, columns: Sequence[Sequence[Judged]], why: str) -> ReportTable:
    """A row a run, the best first; a column a score."""
    first = columns[0][0].best
    sign = 1 if first.better == "lower" else -1
    order = sorted(range(len(columns[0])), key=lambda row: _rank(sign * columns[0][row].best.value))
    rows = tuple((columns[0][row].subject.name, *(_cell(column[row].best) for column in columns)) for row in order)
    header = ("run", *(_plain(column[0].best.name) for column in columns))
    caption = f"Best model of each run on {split}, by {_plain(first.name)}: {first.better} is better"
    return ReportTable(caption, header, rows, why, _meaning([column[0].best for column in columns]))


def _meaning(columns: Sequence[Score]) -> ReportTable:
    """What must agree for two of these numbers to stand side by side."""
    parts = [{"number": score.unit, "better": score.better, **score.signature.parts()} for score in columns]
    names = dict.fromkeys(name for each in parts for name in each)
    rows = tuple((name, *(each.get(name, "") for each in parts)) for name in names)
    return ReportTable("What these numbers mean", ("signature", *(_plain(score.name) for score in columns)), rows)


def differing(subjects: Sequence[Subject]) -> ReportTable:
    """The keys in which the recipes differ, side by side."""
    rows = tuple((key, *map(shown, values)) for key, values in differences(subjects).items())
    return ReportTable("Keys of the recipe that differ", ("key", *(subject.name for subject in subjects)), rows)


def notes(subjects: Sequence[Subject]) -> ReportTable:
    """What happened on the way."""
    rows: list[tuple[Cell, ...]] = []
    for subject in subjects:
        for note in subject.history.notes:
            rows.append((subject.name, Number(note["step"], f"{note['step']:,}"), _noted(note)))
        skipped = subject.history.training[-1]["skipped"] if subject.history.training else 0
        if skipped:
            steps = "1 step was" if skipped == 1 else f"{skipped:,} steps were"
            rows.append((subject.name, "", f"{steps} skipped, as the loss or its gradient was not finite"))
        if subject.history.unfinished:
            rows.append((subject.name, "", "1 line of its log, the last, is half-written and was left out"))
        rows += [(subject.name, "", warning) for warning in subject.warnings]
    return ReportTable("What happened on the way", ("run", "step", "note"), tuple(rows))


def versions(subjects: Sequence[Subject]) -> ReportTable:
    """What each was made with, as far as its folder says."""
    names = tuple(dict.fromkeys(name for subject in subjects for name in subject.versions))
    rows = tuple((subject.name, *(subject.versions.get(name, "") for name in names)) for subject in subjects)
    return ReportTable(
        "What each was made with", ("run", *names), rows, "What machine it ran on is not in a run's folder."
    )


def state(subject: Subject) -> str:
    """How a training stands, in words."""
    stop_after = subject.recipe.get("train", {}).get("stop_after")
    return {
        "bundle": "a bundle alone, without a training log",
        "not ended": "not ended: under way, or stopped on the way",
        "finished": "finished",
        "early": f"ended early, after {stop_after} evaluations without a new best",
        "ended": "ended; no checkpoint is left to say how",
    }[subject.state]


def shown(value: Any) -> str:
    """A value of a recipe as its file has it."""
    return "not set" if value is None else json.dumps(value, ensure_ascii=False)


def rounded(value: float) -> str:
    """Four digits that count."""
    if value and not 1e-3 <= abs(value) < 1e4:
        return f"{value:.3e}"
    return f"{value:#.4g}".rstrip(".")


def _rank(value: float) -> tuple[bool, float]:
    return math.isnan(value), value


def _cell(score: Score) -> Cell:
    if not math.isfinite(score.value):
        return "not finite"
    return Number(score.value, rounded(score.value), score.interval)


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _noted(note: Any) -> str:
    if note["note"] == "total_steps":
        return f"the time it was given was fixed at {note['total_steps']:,} steps, from the speed so far"
    if note["note"] == "return":
        return (
            f"{note['reason']} at step {note['from_step']:,}; it went back here and on with {note['rate_scale']:g} of "
            "the rate"
        )
    rest = {name: value for name, value in note.items() if name not in ("kind", "step", "note")}
    return f"{note['note']} {json.dumps(rest, ensure_ascii=False) if rest else ''}".strip()


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:,.1f} s"
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours:,} h {rest // 60} min" if hours else f"{rest // 60} min {rest % 60} s"

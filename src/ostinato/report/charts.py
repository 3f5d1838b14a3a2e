"""Charts: the curves of all runs, those that are comparable on the same axes."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ostinato.errors import ComparisonError
from ostinato.metrics.base import Score, comparable, meaning
from ostinato.plots import Series, svg
from ostinato.report.history import Evaluation
from ostinato.report.score_table import short
from ostinato.report.subject import Subject

T = TypeVar("T")

LOSS_KEYS = ("task.name", "task.tokenizer", "data.", "model.output")
"""Keys of a recipe that decide what a training loss is a mean over, or beginnings of such keys."""

LISTED_KEYS = 3
"""How many keys a sentence lists at most."""

TRAINING = (
    (
        "loss", "Training loss", "loss a {unit}",
        "What training minimizes, a mean over the steps since the last row, with dropout.",
    ),
    ("gradient_norm", "Gradient norm", "norm", "Before clipping, a mean over the steps since the last row."),
    (
        "tokens_a_second", "Speed of training", "{unit}s a second",
        "Depends on the machine and on its other load.",
    ),
)  # fmt: skip
"""Columns of a log that are comparable where the losses are: column, title, label of the y axis, words."""


@dataclass(frozen=True)
class Chart:
    """Lines and the words below them; `levels` are horizontal lines by name, and `is_further` marks a score that is not
    the first one."""

    title: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    words: str
    is_further: bool = False
    levels: Mapping[str, float] = field(default_factory=dict)

    def svg(self) -> str:
        """The chart as an SVG element. Raises ConfigError where matplotlib is not installed."""
        return svg(self.series, title=self.title, x_label=self.x_label, y_label=self.y_label, levels=self.levels)


@dataclass(frozen=True)
class ScoreCurve:
    """One score of one run through its training: its value at each evaluation.

    `place` is its place among the scores of an evaluation, of which the first one decides which model is best.
    """

    subject: Subject
    place: int
    evaluations: list[Evaluation]
    scores: list[Score]

    def series(self, by_seconds: bool) -> Series:
        """The values by step or by seconds, with a band where every evaluation has an interval."""
        x = [each.seconds if by_seconds else each.step for each in self.evaluations]
        intervals = [score.interval for score in self.scores if score.interval is not None]
        has_band = len(intervals) == len(self.scores)
        low, high = ([interval[end] for interval in intervals] if has_band else None for end in (0, 1))
        return Series(self.subject.name, x, [score.value for score in self.scores], low, high, self.subject.number)


def charts(subjects: Sequence[Subject]) -> list[Chart]:
    """Held-out scores, then training loss, gradient, speed and learning rate. A bundle alone has no curves."""
    return [*_of_scores(subjects), *_of_training(subjects)]


def score_curves(subjects: Sequence[Subject]) -> dict[tuple[str, str], list[ScoreCurve]]:
    """The curve of every score by split and name, the first of the first run first.

    A score whose meaning changes during a run, which may go on under a later version, has two curves.
    """
    curves: dict[tuple[str, str], dict[tuple[str, ...], ScoreCurve]] = {}
    for subject in subjects:
        for evaluation in subject.history.evaluations:
            for place, score in enumerate(evaluation.scores):
                key = (str(subject.number), score.unit, str(score.signature))
                of_name = curves.setdefault((evaluation.split, score.name), {})
                curve = of_name.setdefault(key, ScoreCurve(subject, place, [], []))
                curve.evaluations.append(evaluation)
                curve.scores.append(score)
    return {key: list(of_name.values()) for key, of_name in curves.items()}


def comparable_groups(items: Sequence[T], check: Callable[[T, T], None]) -> list[tuple[list[T], str]]:
    """Groups of comparable items, each with the sentence that says why it is not part of the first group.

    `check` raises ComparisonError for two items that are not comparable.
    """
    groups: list[tuple[list[T], str]] = []
    for item in items:
        reason = ""
        for members, _ in groups:
            try:
                check(members[0], item)
            except ComparisonError as error:
                reason = reason or f"Shown apart: {_without_advice(str(error))}."
            else:
                members.append(item)
                break
        else:
            groups.append(([item], reason))
    return groups


def _without_advice(message: str) -> str:
    """The message without its last part, what to do, and with short checksums."""
    return short(message.rpartition("; ")[0] or message)


def _check_comparable(a: ScoreCurve, b: ScoreCurve) -> None:
    comparable(a.scores[0], b.scores[0])


def _of_scores(subjects: Sequence[Subject]) -> Iterator[Chart]:
    for (split, name), curves in score_curves(subjects).items():
        is_further = all(curve.place > 0 for curve in curves)
        for group, reason in comparable_groups(curves, _check_comparable):
            score, lines = group[0].scores[0], tuple(curve.series(by_seconds=False) for curve in group)
            title = f"{name.replace('_', ' ').capitalize()} on {split}"
            words = [f"{score.better.capitalize()} is better."]
            words += ["The band is the 95 % interval over rows."] if any(line.low is not None for line in lines) else []
            levels = _best_baseline(subjects, split, score)
            yield Chart(title, "step", score.unit, lines, _joined(*words, reason), is_further, levels)
            if len(group) > 1 and not is_further:
                lines = tuple(curve.series(by_seconds=True) for curve in group)
                words.append("Each run was timed on its own machine.")
                words.append(reason)
                yield Chart(
                    f"{title}, by time", "seconds of training", score.unit, lines, _joined(*words), levels=levels
                )


def _best_baseline(subjects: Sequence[Subject], split: str, score: Score) -> dict[str, float]:
    """The value of the best baseline that is comparable with a score, by the baseline's name, if any."""
    values = {
        other.value: f"{baseline.name} (baseline)"
        for subject in subjects
        for baseline in subject.history.baselines
        for other in baseline.scores
        if baseline.split == split and meaning(other) == meaning(score) and math.isfinite(other.value)
    }
    best = (min if score.better == "lower" else max)(values, default=None)
    return {} if best is None else {values[best]: best}


def _of_training(subjects: Sequence[Subject]) -> Iterator[Chart]:
    trained = [subject for subject in subjects if subject.history.training]
    groups = comparable_groups(trained, _check_same_loss)
    for column, title, label, words in TRAINING:
        for group, reason in groups:
            y_label = label.format(unit=group[0].unit)
            yield Chart(title, "step", y_label, _columns(group, column), _joined(words, reason))
    if trained:
        words = "As set by the schedule, and lowered where training went back."
        yield Chart("Learning rate", "step", "rate", _columns(trained, "rate"), words)


def _joined(*words: str) -> str:
    return " ".join(word for word in words if word)


def _columns(subjects: Sequence[Subject], column: str) -> tuple[Series, ...]:
    return tuple(
        Series(
            subject.name,
            [row["step"] for row in subject.history.training],
            [_or_gap(row[column]) for row in subject.history.training],
            look=subject.number,
        )
        for subject in subjects
    )


def _or_gap(value: float | None) -> Any:
    return float("nan") if value is None else value


def _check_same_loss(a: Subject, b: Subject) -> None:
    first, second = a.leaves(), b.leaves()
    differ = [
        key
        for key in dict.fromkeys([*first, *second])
        if key.startswith(LOSS_KEYS) and first.get(key) != second.get(key)
    ]
    if differ:
        more = f" and {len(differ) - LISTED_KEYS} more keys" if len(differ) > LISTED_KEYS else ""
        listed = ", ".join(differ[:LISTED_KEYS])
        raise ComparisonError(f"the training loss is not that of {a.name}, as the recipes differ in {listed}{more}")

"""Charts: the curves of all runs, on the same axes where they mean the same, and apart where they do not."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from ostinato.errors import ComparisonError
from ostinato.metrics.base import Score, comparable
from ostinato.plots import Series, svg
from ostinato.report.history import Evaluation
from ostinato.report.subject import Subject

T = TypeVar("T")

COUNTED = ("task.name", "task.tokenizer", "data.", "model.output")
"""Keys of a recipe that decide what a training loss is a mean of."""

NAMED = 3  # of them in a sentence

TRAINING = (
    (
        "loss", "Training loss", "loss a {unit}",
        "What training descends, a mean since the row before; what a model drops out while it learns is in it.",
    ),
    ("gradient_norm", "Gradient norm", "norm", "Before it is clipped, a mean since the row before."),
    (
        "tokens_a_second", "Speed of training", "{unit}s a second",
        "Depends on the machine and on what else ran there.",
    ),
)  # fmt: skip
"""Columns of a log that may stand side by side where the losses may: title, label of the y axis, words."""


@dataclass(frozen=True)
class Chart:
    """Lines, and what is to be said below them; `is_further` where it is not what models are judged by first."""

    title: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    words: str
    is_further: bool = False

    def svg(self) -> str:
        """As an element of a page."""
        return svg(self.series, title=self.title, x_label=self.x_label, y_label=self.y_label)


@dataclass(frozen=True)
class Judged:
    """One score of one subject through its training: the evaluations, and what each gave.

    `place` is that among the scores of an evaluation, of which the first one decides.
    """

    subject: Subject
    place: int
    evaluations: list[Evaluation]
    scores: list[Score]

    @property
    def best(self) -> Score:
        """The one of the best model so far; the last where no evaluation was called best."""
        return next(
            (score for each, score in zip(self.evaluations[::-1], self.scores[::-1]) if each.best), self.scores[-1]
        )

    def series(self, by_seconds: bool) -> Series:
        """Value by step or by time, with the interval around it where every evaluation has one."""
        x = [each.seconds if by_seconds else each.step for each in self.evaluations]
        intervals = [score.interval for score in self.scores if score.interval is not None]
        whole = len(intervals) == len(self.scores)
        low, high = ([interval[end] for interval in intervals] if whole else None for end in (0, 1))
        return Series(self.subject.name, x, [score.value for score in self.scores], low, high, self.subject.number)


def charts(subjects: Sequence[Subject]) -> list[Chart]:
    """Held-out scores, then training loss, rate, gradient and speed; of a bundle alone there is nothing to draw."""
    return [*_of_scores(subjects), *_of_training(subjects)]


def judged(subjects: Sequence[Subject]) -> dict[tuple[str, str], list[Judged]]:
    """Every score by split and name, the first of the first subject first.

    One whose meaning changed on the way, as a run may go on under a later version, is two.
    """
    found: dict[tuple[str, str], dict[tuple[str, ...], Judged]] = {}
    for subject in subjects:
        for evaluation in subject.history.evaluations:
            for place, score in enumerate(evaluation.scores):
                meaning = (str(subject.number), score.unit, str(score.signature))
                each = found.setdefault((evaluation.split, score.name), {})
                one = each.setdefault(meaning, Judged(subject, place, [], []))
                one.evaluations.append(evaluation)
                one.scores.append(score)
    return {key: list(each.values()) for key, each in found.items()}


def apart(items: Sequence[T], check: Callable[[T, T], None]) -> list[tuple[list[T], str]]:
    """Groups of items that mean the same, each with the sentence that says why it is not in the first group.

    `check` raises ComparisonError for two that do not mean the same.
    """
    groups: list[tuple[list[T], str]] = []
    for item in items:
        why = ""
        for members, _ in groups:
            try:
                check(members[0], item)
            except ComparisonError as error:
                why = why or f"Shown apart: {_shorter(str(error))}."
            else:
                members.append(item)
                break
        else:
            groups.append(([item], why))
    return groups


def _shorter(said: str) -> str:
    """Without the advice at its end, and with the beginnings of checksums."""
    return re.sub(r"\b([0-9a-f]{8})[0-9a-f]{56}\b", r"\1…", said.rpartition("; ")[0] or said)


def mean_the_same(a: Judged, b: Judged) -> None:
    """Raises ComparisonError unless two scores may stand side by side."""
    comparable(a.best, b.best)


def _of_scores(subjects: Sequence[Subject]) -> Iterator[Chart]:
    for (split, name), each in judged(subjects).items():
        is_further = all(one.place > 0 for one in each)
        for group, why in apart(each, mean_the_same):
            score, lines = group[0].scores[0], tuple(one.series(by_seconds=False) for one in group)
            title = f"{name.replace('_', ' ').capitalize()} on {split}"
            words = [f"{score.better.capitalize()} is better."]
            words += ["The band is the 95 % interval over rows."] if any(line.low is not None for line in lines) else []
            yield Chart(title, "step", score.unit, lines, _said(*words, why), is_further)
            if len(group) > 1 and not is_further:
                lines = tuple(one.series(by_seconds=True) for one in group)
                words.append("Time is by the clock of the machine that each ran on.")
                yield Chart(f"{title}, by time", "seconds of training", score.unit, lines, _said(*words, why))


def _of_training(subjects: Sequence[Subject]) -> Iterator[Chart]:
    trained = [subject for subject in subjects if subject.history.training]
    groups = apart(trained, _count_the_same)
    for column, title, label, words in TRAINING:
        for group, why in groups:
            y_label = label.format(unit=group[0].unit)
            yield Chart(title, "step", y_label, _columns(group, column), _said(words, why))
    if trained:
        yield Chart("Learning rate", "step", "rate", _columns(trained, "rate"), "As the schedule, and returns, set it.")


def _said(*words: str) -> str:
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


def _count_the_same(a: Subject, b: Subject) -> None:
    first, second = a.leaves(), b.leaves()
    differ = [
        key for key in dict.fromkeys([*first, *second]) if key.startswith(COUNTED) and first.get(key) != second.get(key)
    ]
    if differ:
        more = f" and {len(differ) - NAMED} more keys" if len(differ) > NAMED else ""
        listed = ", ".join(differ[:NAMED])
        raise ComparisonError(f"what a training loss counts differs from that of {a.name} in {listed}{more}")

"""ScoreTable: the best scores of all runs and of their baselines, as few tables as their columns allow."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ostinato.metrics.base import Score, meaning
from ostinato.report.history import Evaluation
from ostinato.report.subject import Subject
from ostinato.report.tables import Cell, Number, ReportTable, RowGroup, rounded

SHA256 = re.compile(r"\b([0-9a-f]{8})[0-9a-f]{56}\b")


@dataclass(frozen=True)
class ScoredRow:
    """A run's best model, or a baseline, with its scores on a split."""

    name: str
    split: str
    scores: tuple[Score, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the scores."""
        return tuple(score.name for score in self.scores)


def score_tables(subjects: Sequence[Subject]) -> list[ReportTable]:
    """A table for all rows with the same names of scores, the best row first.

    Rows whose first scores are not comparable, or which are of other splits, stand in groups of their own. Where a
    column has numbers that are not comparable with one another, letters beside them say which are.
    """
    rows = [*_runs(subjects), *_baselines(subjects)]
    return [
        _table([row for row in rows if row.columns == columns])
        for columns in dict.fromkeys(row.columns for row in rows)
    ]


def best_by_split(subject: Subject) -> dict[str, Evaluation]:
    """Of each split the best evaluation: the one by every metric that ends a run, else the best so far, else the
    last."""
    best: dict[str, Evaluation] = {}
    for evaluation in subject.history.evaluations:
        if evaluation.best or not (evaluation.split in best and best[evaluation.split].best):
            best[evaluation.split] = evaluation
    if subject.history.final is not None:
        best[subject.history.final.split] = subject.history.final
    return best


def _runs(subjects: Sequence[Subject]) -> Iterator[ScoredRow]:
    for subject in subjects:
        for split, evaluation in best_by_split(subject).items():
            yield ScoredRow(subject.name, split, evaluation.scores)


def _baselines(subjects: Sequence[Subject]) -> Iterator[ScoredRow]:
    """Each once, however many runs have it; one whose name stands for several scores is told apart by its run."""
    rows: dict[tuple[str, str], dict[str, tuple[str, tuple[Score, ...]]]] = {}
    for subject in subjects:
        for baseline in subject.history.baselines:
            same_name = rows.setdefault((baseline.name, baseline.split), {})
            same_name.setdefault(repr(baseline.scores), (subject.name, baseline.scores))
    for (name, split), same_name in rows.items():
        for run, scores in same_name.values():
            label = f"{name} (baseline)" if len(same_name) == 1 else f"{name} (baseline of {run})"
            yield ScoredRow(label, split, scores)


def _table(rows: Sequence[ScoredRow]) -> ReportTable:
    groups: list[list[ScoredRow]] = []
    for row in rows:
        key = (row.split, meaning(row.scores[0]))
        same = next((group for group in groups if (group[0].split, meaning(group[0].scores[0])) == key), None)
        if same is None:
            groups.append([row])
        else:
            same.append(row)
    meanings = [_distinct(column) for column in zip(*(row.scores for row in rows))]
    first, splits = rows[0].scores[0], list(dict.fromkeys(row.split for row in rows))
    caption = f"By {_plain(first.name)} on {' and '.join(splits)}: {first.better} is better"
    return ReportTable(
        caption,
        ("model", *map(_plain, rows[0].columns)),
        tuple(_group(number, groups, meanings) for number in range(len(groups))),
        " ".join(_differences(rows[0].columns, meanings)),
        _meanings(rows[0].columns, meanings),
    )


def _distinct(scores: Sequence[Score]) -> list[dict[str, str]]:
    """The meanings of a column, each once."""
    return list({repr(meaning(score)): meaning(score) for score in scores}.values())


def _group(
    number: int, groups: Sequence[Sequence[ScoredRow]], meanings: Sequence[Sequence[dict[str, str]]]
) -> RowGroup:
    group = groups[number]
    sign = 1 if group[0].scores[0].better == "lower" else -1
    ordered = sorted(group, key=lambda row: _rank(sign * row.scores[0].value))
    rows = tuple(
        (row.name, *(_cell(score, _letter(score, column)) for score, column in zip(row.scores, meanings)))
        for row in ordered
    )
    title = ""
    if len(groups) > 1:
        title = f"On {group[0].split}"
        before = groups[:number]
        title += ", not comparable with the rows above" if any(g[0].split == group[0].split for g in before) else ""
    return RowGroup(rows, title)


def _letter(score: Score, meanings: Sequence[dict[str, str]]) -> str:
    return "" if len(meanings) == 1 else _mark(meanings.index(meaning(score)))


def _mark(number: int) -> str:
    """a to z, then numbers."""
    return chr(ord("a") + number) if number < 26 else str(number + 1)


def _differences(columns: Sequence[str], meanings: Sequence[Sequence[dict[str, str]]]) -> Iterator[str]:
    """One sentence for each letter and what it differs in, with the columns that it holds for."""
    sentences: dict[str, list[str]] = {}
    for name, column in zip(columns, meanings):
        for number, other in enumerate(column[1:], 1):
            differ = [key for key in {**column[0], **other} if column[0].get(key) != other.get(key)]
            fields = ", ".join(
                f"{key} ({short(column[0].get(key, 'none'))} and {short(other.get(key, 'none'))})" for key in differ
            )
            sentence = f"a and {_mark(number)} are not comparable, as they differ in {fields}"
            sentences.setdefault(sentence, []).append(name)
    for sentence, names in sentences.items():
        yield f"{', '.join(map(_plain, names)).capitalize()}: {sentence}."


def _meanings(columns: Sequence[str], meanings: Sequence[Sequence[dict[str, str]]]) -> ReportTable:
    """A row for each score and letter, with all that must agree for two numbers to be comparable."""
    fields = dict.fromkeys(key for column in meanings for each in column for key in each if key != "metric")
    rows = [
        (_plain(name) + (f" {_mark(number)}" if len(column) > 1 else ""), *(short(each.get(key, "")) for key in fields))
        for name, column in zip(columns, meanings)
        for number, each in enumerate(column)
    ]
    return ReportTable("What these numbers mean", ("score", *fields), (RowGroup(tuple(rows)),))


def short(text: str) -> str:
    """The text with the first eight digits of each SHA-256 in it."""
    return SHA256.sub(r"\1…", text)


def _rank(value: float) -> tuple[bool, float]:
    return math.isnan(value), value


def _cell(score: Score, letter: str) -> Cell:
    if not math.isfinite(score.value):
        return "not finite"
    return Number(score.value, rounded(score.value), score.interval, letter)


def _plain(name: str) -> str:
    return name.replace("_", " ")

"""History: the rows of a run's metrics.jsonl, read and checked line by line."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ostinato.bundle_folder import MALFORMED
from ostinato.errors import DataError
from ostinato.metrics.base import Score
from ostinato.training.log import COLUMNS, FILE
from ostinato.training.run_state import scores_of

SCORE_KEYS = {"name", "value", "unit", "better", "signature", "interval"}
NOTE_NUMBERS = {"total_steps": ("total_steps",), "return": ("from_step", "rate_scale")}


@dataclass(frozen=True)
class Evaluation:
    """The scores of one evaluation, the one that decides first; `best` says that none before was better."""

    step: int
    split: str
    scores: tuple[Score, ...]
    best: bool
    seconds: float


@dataclass(frozen=True)
class BaselineScores:
    """The scores of a model that training must beat, such as counts of single tokens."""

    name: str
    split: str
    scores: tuple[Score, ...]


@dataclass(frozen=True)
class History:
    """Rows in the order they were written: training, evaluations, notes, baselines. `unfinished` is 1 where the last
    line is half-written, as it may be during training, and else 0; `final` is the best model's evaluation by every
    metric, made when training ended."""

    training: tuple[Mapping[str, Any], ...] = ()
    evaluations: tuple[Evaluation, ...] = ()
    notes: tuple[Mapping[str, Any], ...] = ()
    baselines: tuple[BaselineScores, ...] = ()
    unfinished: int = 0
    final: Evaluation | None = None

    @classmethod
    def read(cls, run: Path) -> "History":
        """The history in a run's folder; an empty one where the folder has no metrics.jsonl, such as a bundle's.

        Raises DataError where the file cannot be read, and, with the line's number, where a line is damaged or of
        another version.
        """
        path = run / FILE
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return cls()
        except OSError as error:
            raise DataError(f"{path}: it cannot be read ({error.strerror}); check its permissions") from error
        *lines, rest = data.split(b"\n")
        unfinished = bool(rest) and not _is_json(rest)
        if rest and not unfinished:
            lines.append(rest)
        rows: dict[str, list[Any]] = {kind: [] for kind in READERS}
        for number, line in enumerate(lines, 1):
            try:
                row = json.loads(line)
                rows[row["kind"]].append(READERS[row["kind"]](row))
            except (*MALFORMED, IndexError, AttributeError) as error:
                raise DataError(
                    f"{path}: line {number}: this version knows no such row of a training log ({_reason(error)}); "
                    "put the file back as it was, or train again with --fresh"
                ) from error
        baselines = rows["baselines"][-1] if rows["baselines"] else ()
        final = rows["final"][-1] if rows["final"] else None
        return cls(tuple(rows["train"]), tuple(rows["scores"]), tuple(rows["note"]), baselines, int(unfinished), final)

    @property
    def steps(self) -> int:
        """The step of the last row; 0 before the first."""
        steps = [row["step"] for row in (*self.training, *self.notes)]
        return max([*steps, *(evaluation.step for evaluation in self.evaluations)], default=0)

    @property
    def seconds(self) -> float | None:
        """The seconds of training up to the last row that records them; None where none does."""
        seconds = [row["seconds"] for row in (*self.training, *self.notes) if "seconds" in row]
        return max([*seconds, *(evaluation.seconds for evaluation in self.evaluations)], default=None)

    @property
    def best(self) -> Evaluation | None:
        """The best model's evaluation: by every metric where the run has ended, else the best so far; None before the
        first one."""
        if self.final is not None:
            return self.final
        return next((evaluation for evaluation in reversed(self.evaluations) if evaluation.best), None)


def _training(row: Mapping[str, Any]) -> Mapping[str, Any]:
    for column in COLUMNS:
        may_be_none = column in ("loss", "gradient_norm", "clipped")
        _number(row, column) if row[column] is not None or not may_be_none else None
    return row


def _evaluation(row: Mapping[str, Any]) -> Evaluation:
    scores, split = _scores(row["scores"]), _text(row, "split")
    return Evaluation(int(_number(row, "step")), split, scores, bool(row["best"]), float(_number(row, "seconds")))


def _baselines(row: Mapping[str, Any]) -> tuple[BaselineScores, ...]:
    split = _text(row, "split")
    return tuple(BaselineScores(name, split, _scores(scores)) for name, scores in row["scores"].items())


def _scores(tables: Sequence[Mapping[str, Any]]) -> tuple[Score, ...]:
    for table in tables:
        _check_score(table)
    if not tables:
        raise ValueError("'scores' is empty")
    return tuple(scores_of(tables))


def _check_score(score: Mapping[str, Any]) -> None:
    if set(score) != SCORE_KEYS:
        raise KeyError(*sorted(set(score) ^ SCORE_KEYS)[:1])
    for name in ("name", "unit", "better"):
        _text(score, name)
    for name in score["signature"]:
        _text(score["signature"], name)
    if score["better"] not in ("lower", "higher"):
        raise ValueError("'better' is neither lower nor higher")
    for value in (score["value"], *(score["interval"] or ())):
        if value is not None and not _is_number(value):
            raise TypeError(f"the score '{score['name']}' is not a number")


def _note(row: Mapping[str, Any]) -> Mapping[str, Any]:
    note = _text(row, "note")
    for name in ("step", *NOTE_NUMBERS.get(note, ()), *(["seconds"] if "seconds" in row else [])):
        _number(row, name)
    if note == "return":
        _text(row, "reason")
    return row


def _final(row: Mapping[str, Any]) -> Evaluation:
    step = int(_number(row, "best_step" if "best_step" in row else "step"))
    return Evaluation(step, _text(row, "split"), _scores(row["scores"]), True, float(_number(row, "seconds")))


READERS: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
    "train": _training,
    "scores": _evaluation,
    "note": _note,
    "full_scores": _final,
    "final": _final,
    "baselines": _baselines,
}
"""By the kind of a row, what reads it."""


def _number(row: Mapping[str, Any], name: str) -> int | float:
    value: int | float = row[name]
    if not _is_number(value):
        raise TypeError(f"'{name}' is not a finite number")
    return value


def _text(row: Mapping[str, Any], name: str) -> str:
    value: str = row[name]
    if not isinstance(value, str):
        raise TypeError(f"'{name}' is not a text")
    return value


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_json(line: bytes) -> bool:
    """A half-written row is not: its last brace is missing."""
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"{error} is missing or unknown"
    return str(error) or type(error).__name__

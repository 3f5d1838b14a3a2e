"""Metric: statistics of one prediction that add up, and a number made of their sum."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from ostinato.errors import ComparisonError, DataError
from ostinato.registry import Registry

Stats: TypeAlias = npt.NDArray[np.float64]

CONFIDENCE = 0.95
MOST_ROWS = 2048  # that are resampled one by one; of more, neighbours are taken together
BLOCK_COUNTS = 1 << 22  # of a resampling table held at once: 32 MiB


@dataclass(frozen=True)
class Signature:
    """Everything that must agree for two numbers of a metric to mean the same thing."""

    def __str__(self) -> str:
        return "|".join(f"{name}:{value}" for name, value in self.parts().items())

    def parts(self) -> dict[str, str]:
        """Each field by its name; one that says nothing is left out."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: str(value) for name, value in values.items() if value is not None}


@dataclass(frozen=True)
class Score:
    """A number with its unit, what it means, and its 95 % interval where there was more than one row."""

    name: str
    value: float
    unit: str
    signature: Signature
    interval: tuple[float, float] | None = None
    better: Literal["lower", "higher"] = "lower"

    def __str__(self) -> str:
        return f"{self.value:.3f} {self.unit}"

    def __repr__(self) -> str:
        return f"Score({self.name}: {self})"


class Metric(ABC):
    """`score` of summed `stats` is the number for all rows together, so parts of an evaluation merge by addition."""

    name: ClassVar[str]
    unit: ClassVar[str]
    better: ClassVar[Literal["lower", "higher"]] = "lower"

    @abstractmethod
    def stats(self, prediction: Any, reference: Any) -> Stats:
        """What one row adds [S]. Raises DataError where prediction and reference do not fit each other."""

    @abstractmethod
    def score(self, total: Stats) -> float:
        """The number; NaN where the rows hold nothing to measure."""

    @abstractmethod
    def signature(self, total: Stats) -> Signature:
        """What the number of these statistics means."""


metrics: Registry[Metric] = Registry(Metric, "metric", "ostinato.metrics")
register = metrics.register


def evaluate(metric: Metric, rows: Sequence[Stats] | Stats, resamples: int = 1000, seed: int = 0) -> Score:
    """The Score of rows of stats [R S], with the percentile bootstrap interval over rows (Efron, 1979).

    The interval says how much other rows of the same kind could change the number; it takes rows to be independent,
    or, where they are many, stretches of neighbouring ones. With one row there is none. Raises DataError where there is
    nothing to measure.
    """
    table = _table(rows, metric)
    total = table.sum(axis=0)
    value = metric.score(total)
    if np.isnan(value):
        raise DataError(f"{metric.name}: the rows hold nothing to measure; evaluate on a longer text")
    interval = None
    if len(table) > 1 and resamples > 0:
        found = _scores(metric, _resampled(table, resamples, seed))
        found = found[~np.isnan(found)]
        tail = (1 - CONFIDENCE) / 2
        low, high = np.quantile(found, [tail, 1 - tail], method="nearest")
        interval = (float(low), float(high))
    return Score(metric.name, value, metric.unit, metric.signature(total), interval, metric.better)


def paired_bootstrap(
    metric: Metric,
    rows_a: Sequence[Stats] | Stats,
    rows_b: Sequence[Stats] | Stats,
    resamples: int = 1000,
    seed: int = 0,
) -> float:
    """p: how often chance alone would put two equal systems as far apart as these two are on the same rows.

    Both are resampled together and their differences centred on zero (Koehn, 2004; centred as in sacreBLEU). Raises
    ComparisonError where the rows cannot be of the same examples.
    """
    first, second = _table(rows_a, metric), _table(rows_b, metric)
    if len(first) != len(second):
        raise ComparisonError(
            f"{metric.name}: {len(first)} and {len(second)} rows are not of the same examples; evaluate both on one set"
        )
    observed = abs(metric.score(first.sum(axis=0)) - metric.score(second.sum(axis=0)))
    both = _resampled(np.concatenate([first, second], axis=1), resamples, seed)
    width = first.shape[1]
    differences = _scores(metric, both[:, :width]) - _scores(metric, both[:, width:])
    differences = differences[~np.isnan(differences)]
    if np.isnan(observed) or not len(differences):
        raise DataError(f"{metric.name}: the rows hold nothing to measure; evaluate on a longer text")
    # A hair less than observed, or rounding would decide where both systems are the same.
    as_far = int(np.count_nonzero(np.abs(differences - differences.mean()) >= observed * (1 - 1e-12)))
    return (as_far + 1) / (len(differences) + 1)


def difference(a: Score, b: Score) -> float:
    """a − b. Raises ComparisonError naming what differs where the two do not mean the same."""
    comparable(a, b)
    return a.value - b.value


def best_of(scores: Sequence[Score]) -> Score:
    """The best; of equal ones the first. Raises ComparisonError where two of them do not mean the same."""
    if not scores:
        raise ComparisonError("best_of: there is no score to choose from; give at least one")
    for other in scores[1:]:
        comparable(scores[0], other)
    sign = 1 if scores[0].better == "lower" else -1
    return min(scores, key=lambda score: sign * score.value)


def comparable(a: Score, b: Score) -> None:
    """Raises ComparisonError naming every field that differs, unless the two mean the same."""
    first = {"metric": a.name, "unit of the number": a.unit, **a.signature.parts()}
    second = {"metric": b.name, "unit of the number": b.unit, **b.signature.parts()}
    differ = [name for name in first | second if first.get(name) != second.get(name)]
    if not differ:
        return
    counts = [side.get("unit") for side in (first, second)]
    said = (
        f"{a} counts {counts[0]}s and {b} counts {counts[1]}s"
        if counts[0] != counts[1] and None not in counts
        else f"{a} and {b} do not mean the same"
    )
    listed = ", ".join(f"{name} ({first.get(name, 'none')} and {second.get(name, 'none')})" for name in differ)
    raise ComparisonError(f"{said}: they differ in {listed}; evaluate both on the same text with the same metric")


def _table(rows: Sequence[Stats] | Stats, metric: Metric) -> Stats:
    if not len(rows):
        raise DataError(f"{metric.name}: there is no row to measure; evaluate on at least one")
    return np.stack([np.asarray(row, np.float64) for row in rows])


def _scores(metric: Metric, totals: Stats) -> Stats:
    return np.array([metric.score(total) for total in totals])


def _resampled(table: Stats, resamples: int, seed: int) -> Stats:
    """Sums [resamples S] of as many rows as there are, drawn with replacement."""
    generator = np.random.default_rng(seed)
    if len(table) > MOST_ROWS:
        # Costs less, and is honest where neighbouring rows are of one text and so not independent.
        table = np.add.reduceat(table, np.arange(MOST_ROWS) * len(table) // MOST_ROWS, axis=0)
    rows = len(table)
    block = max(BLOCK_COUNTS // rows, 1)
    found = []
    for first in range(0, resamples, block):
        size = min(block, resamples - first)
        drawn = generator.integers(rows, size=(size, rows))
        offsets = np.arange(size)[:, None] * rows
        times = np.bincount((drawn + offsets).reshape(-1), minlength=size * rows).reshape(size, rows)
        found.append(times @ table)
    return np.concatenate(found)

"""Metric: statistics of each row, and a number made of the table of them."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from ostinato.errors import ComparisonError, DataError
from ostinato.metrics.resampling import resampled_rows, resampled_sums
from ostinato.registry import Registry

Stats: TypeAlias = npt.NDArray[np.float64]
"""Statistics: [S] of one row, [R S] of a table of rows."""

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Signature:
    """Everything that must agree for two numbers of a metric to mean the same thing."""

    def __str__(self) -> str:
        return "|".join(f"{name}:{value}" for name, value in self.parts().items())

    def parts(self) -> dict[str, str]:
        """The fields by name, without those that are None."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: str(value) for name, value in values.items() if value is not None}


@dataclass(frozen=True)
class ExamplesSignature(Signature):
    """The examples that were measured, by name or hash; None compares with every other None."""

    examples: str | None = None


@dataclass(frozen=True)
class Score:
    """A number of a metric: its unit, its signature, and its 95 % interval where there was more than one row."""

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
    """A number over rows. `stats` measures one row, `score` makes the number from the table of all rows.

    A subclass sets `name`, `unit` and `better`, and `aligned = False` where a prediction may have another length than
    its reference (as for an edit distance).
    """

    name: ClassVar[str]
    unit: ClassVar[str]
    better: ClassVar[Literal["lower", "higher"]] = "lower"
    aligned: ClassVar[bool] = True

    @abstractmethod
    def stats(self, prediction: Any, reference: Any) -> Stats:
        """[S], the statistics of one row; S is the same for all rows.

        Raises DataError where prediction and reference do not fit each other.
        """

    @abstractmethod
    def score(self, table: Stats) -> float:
        """The number for all rows of a table [R S] together; NaN where they hold nothing to measure."""

    @abstractmethod
    def signature(self, table: Stats) -> Signature:
        """What the number of this table [R S] means."""

    def example_row(self, generator: np.random.Generator, noise: float) -> tuple[Any, Any]:
        """A random prediction and its reference, for the laws of `ostinato.testing.metrics`.

        The prediction is perfect where `noise` is 0, and worse the larger it is (up to 1). Raises NotImplementedError
        where the metric does not define it.
        """
        raise NotImplementedError(f"{type(self).__name__} has no example_row; define it to test the metric's laws")


class SummedMetric(Metric):
    """A metric whose number depends on the sum of the statistics alone, so that parts of an evaluation merge by
    addition. A subclass writes `score_of_sum` and `signature_of_sum`."""

    @abstractmethod
    def score_of_sum(self, total: Stats) -> float:
        """The number from summed statistics [S]; NaN where they hold nothing to measure."""

    @abstractmethod
    def signature_of_sum(self, total: Stats) -> Signature:
        """What the number of summed statistics [S] means."""

    def score(self, table: Stats) -> float:
        """`score_of_sum` of the table [R S] summed over rows."""
        return self.score_of_sum(table.sum(axis=0))

    def signature(self, table: Stats) -> Signature:
        """`signature_of_sum` of the table [R S] summed over rows."""
        return self.signature_of_sum(table.sum(axis=0))


metrics: Registry[Metric] = Registry(Metric, "metric", "ostinato.metrics")
register = metrics.register


def evaluate(metric: Metric, rows: Sequence[Stats] | Stats, resamples: int = 1000, seed: int = 0) -> Score:
    """The Score of rows of statistics [R S], with the percentile bootstrap interval over rows (Efron, 1979).

    The interval says how much other rows of the same kind could change the number. Rows are taken to be independent;
    of more than 2,048, contiguous blocks are. One row has no interval. Raises DataError where there is nothing to
    measure, or where rows have unlike statistics.
    """
    table = _table(rows, metric)
    value = metric.score(table)
    if np.isnan(value):
        raise DataError(f"{metric.name}: the rows hold nothing to measure; evaluate on more data")
    interval = None
    if len(table) > 1 and resamples > 0:
        (scores,) = _resampled_scores(metric, [table], resamples, seed)
        scores = scores[~np.isnan(scores)]
        if len(scores):
            tail = (1 - CONFIDENCE) / 2
            low, high = np.quantile(scores, [tail, 1 - tail], method="nearest")
            interval = (float(low), float(high))
    return Score(metric.name, value, metric.unit, metric.signature(table), interval, metric.better)


def paired_bootstrap(
    metric: Metric,
    rows_a: Sequence[Stats] | Stats,
    rows_b: Sequence[Stats] | Stats,
    resamples: int = 1000,
    seed: int = 0,
) -> float:
    """p: how often chance alone would put two equal systems as far apart as these two are on the same rows [R S].

    Both are resampled together and their differences centred on zero (Koehn, 2004; centred as in sacreBLEU). Raises
    ComparisonError where the rows cannot be of the same examples, DataError where there is nothing to measure.
    """
    first, second = _table(rows_a, metric), _table(rows_b, metric)
    if len(first) != len(second):
        raise ComparisonError(
            f"{metric.name}: {len(first)} and {len(second)} rows are not of the same examples; evaluate both on one set"
        )
    observed = abs(metric.score(first) - metric.score(second))
    scores_a, scores_b = _resampled_scores(metric, [first, second], resamples, seed)
    differences = scores_a - scores_b
    differences = differences[~np.isnan(differences)]
    if np.isnan(observed) or not len(differences):
        raise DataError(f"{metric.name}: the rows hold nothing to measure; evaluate on more data")
    # A hair less than observed, or rounding would decide where both systems are the same.
    as_far = int(np.count_nonzero(np.abs(differences - differences.mean()) >= observed * (1 - 1e-12)))
    return (as_far + 1) / (len(differences) + 1)


def difference(a: Score, b: Score) -> float:
    """a − b. Raises ComparisonError naming what differs where the two do not mean the same."""
    comparable(a, b)
    return a.value - b.value


def best_of(scores: Sequence[Score]) -> Score:
    """The best score; of equal ones the first.

    Raises ComparisonError where there is no score, or where two of them do not mean the same.
    """
    if not scores:
        raise ComparisonError("best_of: there is no score to choose from; give at least one")
    for other in scores[1:]:
        comparable(scores[0], other)
    sign = 1 if scores[0].better == "lower" else -1
    return min(scores, key=lambda score: sign * score.value)


def meaning(score: Score) -> dict[str, str]:
    """Every field that must agree for two scores to be comparable, by its name."""
    return {"metric": score.name, "unit of the number": score.unit, **score.signature.parts()}


def comparable(a: Score, b: Score) -> None:
    """Raises ComparisonError naming every field that differs, unless the two mean the same."""
    first, second = meaning(a), meaning(b)
    differ = [name for name in first | second if first.get(name) != second.get(name)]
    if not differ:
        return
    counts = [side.get("unit") for side in (first, second)]
    summary = (
        f"{a} counts {counts[0]}s and {b} counts {counts[1]}s"
        if counts[0] != counts[1] and None not in counts
        else f"{a} and {b} do not mean the same"
    )
    listed = ", ".join(f"{name} ({first.get(name, 'none')} and {second.get(name, 'none')})" for name in differ)
    raise ComparisonError(f"{summary}: they differ in {listed}; evaluate both on the same data with the same metric")


def _table(rows: Sequence[Stats] | Stats, metric: Metric) -> Stats:
    """[R S]."""
    if not len(rows):
        raise DataError(f"{metric.name}: there is no row to measure; evaluate on at least one")
    widths = {np.shape(row) for row in rows} if not isinstance(rows, np.ndarray) else {rows.shape[1:]}
    if len(widths) > 1 or len(next(iter(widths))) != 1:
        sizes = " and ".join(str(list(width)) for width in sorted(widths)[:2])
        raise DataError(f"{metric.name}: rows have statistics of shape {sizes}; give every row the same number, [S]")
    return np.asarray(rows, np.float64)


def _resampled_scores(metric: Metric, tables: Sequence[Stats], resamples: int, seed: int) -> list[Stats]:
    """[resamples] scores of each table, all of the same rows."""
    if isinstance(metric, SummedMetric):
        ends = np.cumsum([table.shape[1] for table in tables])[:-1]
        sums = np.split(resampled_sums(np.concatenate(tables, axis=1), resamples, seed), ends, axis=1)
        return [np.array([metric.score_of_sum(total) for total in totals]) for totals in sums]
    chosen = resampled_rows(len(tables[0]), resamples, seed)
    scores = np.array([[metric.score(table[rows]) for table in tables] for rows in chosen])
    return list(scores.reshape(resamples, len(tables)).T)

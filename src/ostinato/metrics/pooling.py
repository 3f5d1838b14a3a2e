"""Pooling: the tables of several runs on the same examples as one."""

from collections.abc import Sequence

import numpy as np

from ostinato.errors import ComparisonError
from ostinato.metrics.base import Metric, Signature, Stats, SummedMetric


class MeanOverRuns(Metric):
    """The mean of a metric's number over runs, from their statistics side by side [R, runs · S]."""

    def __init__(self, metric: Metric, runs: int):
        self.metric, self.runs = metric, runs
        self.name, self.unit, self.better = metric.name, metric.unit, metric.better  # type: ignore[misc]

    def stats(self, prediction: Sequence[object], reference: Sequence[object]) -> Stats:
        """[runs · S], from a prediction and a reference of each run. Raises DataError as the metric does."""
        return np.concatenate([self.metric.stats(*pair) for pair in zip(prediction, reference, strict=True)])

    def score(self, table: Stats) -> float:
        """The mean, from a table [R, runs · S]; NaN where a run has nothing to measure."""
        return float(np.mean([self.metric.score(part) for part in np.split(table, self.runs, axis=1)]))

    def signature(self, table: Stats) -> Signature:
        """The metric's, of the first run: all are of the same examples."""
        return self.metric.signature(np.split(table, self.runs, axis=1)[0])


def pooled(metric: Metric, tables: Sequence[Stats]) -> tuple[Metric, Stats]:
    """A metric and a table [R …] in which row r stands for example r in every run.

    For a SummedMetric the statistics are added, for any other the number is the mean over runs. Raises ComparisonError
    where the tables [R S] have unlike shapes.
    """
    if len({table.shape for table in tables}) != 1:
        raise ComparisonError(f"{metric.name}: the runs have unlike numbers of rows; evaluate all on the same examples")
    if isinstance(metric, SummedMetric):
        return metric, np.sum(tables, axis=0)
    return MeanOverRuns(metric, len(tables)), np.concatenate(tables, axis=1)

"""Outcome: the results of a comparison, with means, intervals over seeds and over rows, and paired tests."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ostinato.compare.comparison import Comparison
from ostinato.compare.plan import check_comparable
from ostinato.compare.runs import SPLIT, ContestantRun
from ostinato.metrics.base import Score, evaluate, paired_bootstrap
from ostinato.metrics.pooling import pooled

# Student's t, two-sided 95 %, for 1 to 30 degrees of freedom (NIST/SEMATECH e-Handbook, 1.3.6.7.2).
T_95 = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip


@dataclass(frozen=True)
class OutcomeRow:
    """A contestant under one value of the sweep.

    `score` is computed from the statistics of all seeds together; its interval is a bootstrap over test rows and shows
    how much other examples could change it. `over_seeds` is half the 95 % interval of the mean over seeds by Student's
    t, which shows how much other seeds could change it; None with one seed. `p` is that of the paired bootstrap against
    the row that `is_reference`; None for that row. `size` is the size that the budget of parameters chose, if any.
    """

    contestant: str
    value: Any
    parameters: int
    size: int | None
    runs: tuple[ContestantRun, ...]
    score: Score
    over_seeds: float | None
    p: float | None
    is_reference: bool

    @property
    def scores(self) -> list[float]:
        """The score of each seed."""
        return [run.score.value for run in self.runs]

    @property
    def mean(self) -> float:
        """The mean of `scores` over seeds."""
        return float(np.mean(self.scores))


@dataclass(frozen=True)
class Outcome:
    """Every row in the file's order, and the baselines by name: `baselines[name][i]` is the score of a baseline under
    value i of the sweep."""

    comparison: Comparison
    rows: tuple[OutcomeRow, ...]
    baselines: Mapping[str, tuple[Score, ...]]

    @property
    def metric(self) -> Score:
        """The score of the first row, for the name and the unit of the metric."""
        return self.rows[0].score

    def of(self, value: Any) -> list[OutcomeRow]:
        """The rows of one value of the sweep."""
        return [row for row in self.rows if row.value == value]

    def as_object(self) -> dict[str, Any]:
        """The outcome as a JSON object."""
        comparison = self.comparison
        return {
            "comparison": comparison.at,
            "metric": self.metric.name,
            "unit": self.metric.unit,
            "better": self.metric.better,
            "split": SPLIT,
            "seeds": list(comparison.terms.seeds),
            "budget": comparison.terms.budget.words,
            "against": comparison.terms.against,
            "sweep": {"key": comparison.sweep.key, "values": comparison.sweep.values} if comparison.sweep else None,
            "rows": [_as_object(row) for row in self.rows],
            "baselines": {name: [score.value for score in scores] for name, scores in self.baselines.items()},
        }


def outcome(comparison: Comparison, runs: Iterable[ContestantRun]) -> Outcome:
    """The results of all runs. Raises ComparisonError where the scores of two contestants are not comparable."""
    all_runs = list(runs)
    rows: list[OutcomeRow] = []
    baselines: dict[str, list[Score]] = {}
    for value in comparison.values:
        of_value = [run for run in all_runs if run.contestant.value == value]
        by_name = {name: [run for run in of_value if run.contestant.name == name] for name in comparison.contestants}
        check_comparable(comparison, value, [(name, seeds[0].score) for name, seeds in by_name.items()])
        rows += _compared(by_name, comparison.terms.against)
        for name, scores in of_value[0].task.baselines(SPLIT).items():
            baselines.setdefault(name, []).append(scores[0])
    return Outcome(comparison, tuple(rows), {name: tuple(scores) for name, scores in baselines.items()})


def over_seeds(scores: Sequence[float]) -> float | None:
    """Half the 95 % interval of the mean by Student's t, t s / √n; None for a single score."""
    if len(scores) < 2:
        return None
    return T_95[min(len(scores) - 1, len(T_95)) - 1] * float(np.std(scores, ddof=1)) / math.sqrt(len(scores))


def _compared(by_name: Mapping[str, Sequence[ContestantRun]], against: str | None) -> list[OutcomeRow]:
    """The rows of one value of the sweep, each tested against the contestant `against`, or the best."""
    metric = next(iter(by_name.values()))[0].task.metrics_for(SPLIT)[0]
    # Rows of all seeds are of the same examples, so they are resampled together.
    together = {name: pooled(metric, [np.asarray(run.rows) for run in runs]) for name, runs in by_name.items()}
    scores = {name: evaluate(over_runs, table) for name, (over_runs, table) in together.items()}
    sign = 1 if metric.better == "lower" else -1
    reference = against or min(scores, key=lambda name: sign * scores[name].value)
    rows = []
    for name, runs in by_name.items():
        first = runs[0].contestant
        p = None if name == reference else paired_bootstrap(*together[name], together[reference][1])
        spread, size = over_seeds([run.score.value for run in runs]), first.size
        rows.append(
            OutcomeRow(
                name, first.value, first.parameters, size, tuple(runs), scores[name], spread, p, name == reference
            )
        )
    return rows


def _as_object(row: OutcomeRow) -> dict[str, Any]:
    return {
        "contestant": row.contestant,
        "value": row.value,
        "parameters": row.parameters,
        "size": row.size,
        "mean": row.mean,
        "over_seeds": row.over_seeds,
        "over_rows": row.score.interval,
        "p": row.p,
        "is_reference": row.is_reference,
        "signature": row.score.signature.parts(),
        "runs": [
            {"seed": run.seed, "score": run.score.value, "steps": run.steps, "seconds": run.seconds,
             "folder": str(run.folder)}
            for run in row.runs
        ],
    }  # fmt: skip

"""Every registered metric obeys every law of metrics, one from a stranger's file too; and each law bites."""

import math
import runpy
import textwrap

import numpy as np
import pytest

from ostinato.metrics import Accuracy, SquaredError, metrics
from ostinato.metrics.pooling import MeanOverRuns
from ostinato.testing import metrics as laws

MINE = '''
    """The largest error of a table: no sum tells it."""
    import numpy as np

    from ostinato.errors import DataError
    from ostinato.metrics.base import ExamplesSignature, Metric, register


    @register("largest_error")
    class LargestError(Metric):
        name, unit = "largest_error", "largest error"

        def stats(self, prediction, reference):
            if np.shape(prediction) != np.shape(reference):
                raise DataError("largest_error: the shapes differ; give one prediction for each reference")
            return np.array([np.abs(np.subtract(prediction, reference)).max()])

        def score(self, table):
            return float(table.max()) if len(table) else float("nan")

        def signature(self, table):
            return ExamplesSignature()

        def example_row(self, generator, noise):
            reference = generator.normal(size=4)
            return reference + noise * generator.normal(size=4), reference


    @register("first_error")
    class FirstError(LargestError):
        name = "first_error"

        def score(self, table):
            return float(table[0, 0]) if len(table) else float("nan")
'''


@pytest.mark.parametrize("name", metrics.names())
@pytest.mark.parametrize("law", laws.LAWS, ids=lambda law: law.__name__)
def test_law(name, law):
    law(metrics.build(metrics.example(name), **laws.WIRING))


@pytest.fixture
def strangers(tmp_path, monkeypatch):
    """Two metrics from one file of a temporary folder, registered for this test alone."""
    metrics.names()
    monkeypatch.setattr(metrics, "_entries", dict(metrics._entries))
    path = tmp_path / "stranger_metric.py"
    path.write_text(textwrap.dedent(MINE))
    runpy.run_path(str(path))


def test_a_metric_from_one_file_gets_the_laws(strangers):
    for law in laws.LAWS:
        law(metrics.build(metrics.example("largest_error"), **laws.WIRING))
    with pytest.raises(AssertionError, match="rows in another order"):
        laws.row_order_does_not_matter(metrics.build(metrics.example("first_error"), **laws.WIRING))


def broken(**methods):
    return type("Broken", (SquaredError,), methods)()


def spoiled_stats(self, prediction, reference):
    prediction *= 2
    return SquaredError.stats(self, prediction, reference)


def counted_signature(self, table):
    self.calls = getattr(self, "calls", 0) + 1
    return f"call {self.calls}"


@pytest.mark.parametrize(
    ("law", "metric"),
    [
        (laws.describes_itself, broken(better="bigger")),
        (laws.rows_have_one_width, broken(stats=lambda self, prediction, reference: np.square(prediction - reference))),
        (laws.rows_have_one_width, broken(stats=spoiled_stats)),
        (laws.parts_merge, broken(score=lambda self, table: float((table[:, 0] / table[:, 1]).mean()))),
        (laws.row_order_does_not_matter, broken(score=lambda self, table: float(table[0, 0]))),
        (laws.better_is_better, broken(better="higher")),
        (laws.better_is_better, type("Lower", (Accuracy,), {"better": "lower"})()),
        (laws.the_interval_contains_the_value, broken(score=lambda self, table: 100.0)),
        (laws.a_system_equals_itself, broken(score_of_sum=lambda self, total: 1.0)),
        (laws.nothing_is_not_a_number, broken(score_of_sum=lambda self, total: total[0] / max(total[1], 1.0))),
        (
            laws.unlike_shapes_are_refused,
            broken(stats=lambda self, p, r: np.array([np.square(p[:1] - r).sum(), np.size(r)])),
        ),
        (laws.signatures_are_stable, broken(signature=counted_signature)),
        (laws.signatures_are_stable, broken(signature=lambda self, table: object())),
    ],
    ids=lambda each: each.__name__ if hasattr(each, "__name__") else "",
)
def test_each_law_bites(law, metric):
    with pytest.raises(AssertionError):
        law(metric)


def test_every_law_is_in_the_list():
    functions = {value for name, value in vars(laws).items() if callable(value) and name[0].islower()}
    own = {function for function in functions if getattr(function, "__module__", "") == laws.__name__}
    assert own == set(laws.LAWS)


def test_a_mean_over_runs_is_a_metric():
    auroc = metrics.build({"name": "auroc"})
    runs = MeanOverRuns(auroc, 2)
    stats = runs.stats([[0.3], [0.1]], [[1], [1]])
    assert stats.tolist() == [0.3, 1, 0.1, 1]
    table = np.stack([stats, runs.stats([[0.2], [0.4]], [[0], [0]])])
    assert runs.score(table) == (1.0 + 0.0) / 2
    assert math.isnan(runs.score(table[:1]))

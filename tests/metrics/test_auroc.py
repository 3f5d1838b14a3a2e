"""AUROC and average precision against their definitions, written as loops over pairs and thresholds."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostinato.errors import DataError
from ostinato.metrics import AUROC, AveragePrecision, evaluate, paired_bootstrap

SCORES = st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=2, max_size=12)


def table_of(metric, scores, labels):
    return np.stack([metric.stats(*row) for row in zip(scores, labels)])


def share_of_pairs(scores, labels):
    """Hanley and McNeil: one for each pair in order, a half for a tie."""
    wins = [
        (p > n) + 0.5 * (p == n)
        for p, positive in zip(scores, labels)
        for n, negative in zip(scores, labels)
        if positive and not negative
    ]
    return sum(wins) / len(wins)


def area_of_steps(scores, labels):
    """Σ (R_k − R_{k−1}) P_k, one threshold after another."""
    area, recall_before = 0.0, 0.0
    for threshold in sorted(set(scores), reverse=True):
        retrieved = [label for score, label in zip(scores, labels) if score >= threshold]
        recall, precision = sum(retrieved) / sum(labels), sum(retrieved) / len(retrieved)
        area, recall_before = area + (recall - recall_before) * precision, recall
    return area


@pytest.mark.parametrize(
    ("metric", "definition"), [(AUROC(), share_of_pairs), (AveragePrecision(), area_of_steps)], ids=lambda m: str(m)[:9]
)
@given(rows=SCORES)
def test_one_label_is_the_definition(metric, definition, rows):
    scores, labels = zip(*rows)
    value = metric.score(table_of(metric, scores, labels))
    if len(set(labels)) == 2:
        assert value == pytest.approx(definition(scores, labels))
    else:
        assert math.isnan(value)


@pytest.mark.parametrize("metric", [AUROC(), AveragePrecision()], ids=["auroc", "average_precision"])
def test_labels_of_one_class_are_left_out_of_the_mean(metric):
    generator = np.random.default_rng(0)
    scores, labels = generator.normal(size=(50, 4)), generator.integers(2, size=(50, 4))
    labels[:, 1], labels[:, 3] = 0, 1
    table = table_of(metric, scores, labels)
    apart = [metric.score(table_of(metric, scores[:, [c]], labels[:, [c]])) for c in (0, 2)]
    assert metric.score(table) == pytest.approx(np.mean(apart))
    assert str(metric.signature(table)) == "labels:2 of 4"


def test_by_hand():
    """Scores 4 3 2 1 with labels + − + −: three of four pairs in order; precisions 1 and 2/3 at the positives."""
    scores, labels = [4, 3, 2, 1], [1, 0, 1, 0]
    assert AUROC().score(table_of(AUROC(), scores, labels)) == 3 / 4
    assert AveragePrecision().score(table_of(AveragePrecision(), scores, labels)) == pytest.approx(5 / 6)


def test_intervals_and_paired_tests_resample_rows():
    generator = np.random.default_rng(1)
    labels = generator.integers(2, size=300)
    good, bad = labels + generator.normal(size=300), labels + 5 * generator.normal(size=300)
    tables = [table_of(AUROC(), scores, labels) for scores in (good, bad)]
    scores = [evaluate(AUROC(), table) for table in tables]
    for score in scores:
        p = np.mean(labels)
        low, high = score.interval
        width = 2 * 1.96 * hanley_mcneil_error(score.value, 300 * p, 300 * (1 - p))
        assert high - low == pytest.approx(width, rel=0.2)
    assert paired_bootstrap(AUROC(), *tables) < 0.01
    assert paired_bootstrap(AUROC(), tables[0], tables[0]) == 1.0


def hanley_mcneil_error(area, positives, negatives):
    """The standard error of the area (1982, equations 1 and 2)."""
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (positives - 1) * (q1 - area**2) + (negatives - 1) * (q2 - area**2)
    return math.sqrt(variance / (positives * negatives))


def test_many_rows_are_resampled_in_blocks():
    generator = np.random.default_rng(2)
    labels = generator.integers(2, size=5000)
    table = table_of(AUROC(), labels + generator.normal(size=5000), labels)
    score = evaluate(AUROC(), table, resamples=200)
    assert score.interval[1] - score.interval[0] == pytest.approx(
        2 * 1.96 * hanley_mcneil_error(score.value, labels.sum(), 5000 - labels.sum()), rel=0.25
    )


@pytest.mark.parametrize(
    ("scores", "labels", "message"),
    [
        ([0.1, 0.2], [1], r"scores \[2\] stand beside labels \[1\]"),
        ([[0.1]], [[1]], r"scores \[1, 1\] stand beside"),
        ([math.nan], [1], "NaN"),
        ([0.1, 0.2], [0, 2], r"labels \[0, 2\] are not all 0 or 1"),
        ([0.1], [math.nan], "are not all 0 or 1"),
    ],
)
def test_what_does_not_fit_is_refused(scores, labels, message):
    with pytest.raises(DataError, match=message):
        AUROC().stats(scores, labels)

"""Laws of a Metric.

In a test of your own: `@pytest.mark.parametrize("law", ostinato.testing.metrics.LAWS)`, and in it
`law(metrics.build(metrics.example("mine"), **WIRING))`. The metric defines `example_row`.
"""

import re
from collections.abc import Callable
from copy import deepcopy
from typing import Final, TypeAlias

import numpy as np

from ostinato.errors import DataError
from ostinato.metrics.base import Metric, Stats, SummedMetric, evaluate, paired_bootstrap

Law: TypeAlias = Callable[[Metric], None]

WIRING: Final = {"examples": "the examples", "corpus": "c0ffee", "tokenizer": "beef"}
"""Keyword arguments with which any metric of the library can be built."""
ROWS: Final = 40
ADDRESS: Final = re.compile(r"0x[0-9a-f]{6,}")


def describes_itself(metric: Metric) -> None:
    """`name` and `unit` are text, `better` is lower or higher, and a Score repeats them."""
    for attribute in ("name", "unit"):
        text = getattr(metric, attribute, None)
        assert isinstance(text, str), f"{attribute} is {text!r}; it must be text"
        assert text, f"{attribute} is empty; it must be text"
    assert metric.better in ("lower", "higher"), f"better is {metric.better!r}; it must be lower or higher"
    score = evaluate(metric, _table(metric), resamples=0)
    assert (score.name, score.unit, score.better) == (metric.name, metric.unit, metric.better)


def rows_have_one_width(metric: Metric) -> None:
    """`stats` gives float64 [S] with the same S for every row, the same numbers each time, and leaves its arguments as
    they were."""
    generator = np.random.default_rng(1)
    widths = set()
    for _ in range(ROWS):
        pair = metric.example_row(generator, 0.5)
        before = deepcopy(pair)
        stats = metric.stats(*pair)
        assert (stats.ndim, stats.dtype) == (1, np.dtype(np.float64)), (
            f"stats are {stats.dtype} {list(stats.shape)}, not [S]"
        )
        np.testing.assert_equal(pair, before, err_msg="stats changed its arguments")
        np.testing.assert_array_equal(metric.stats(*pair), stats, err_msg="stats differ at the second call")
        widths.add(len(stats))
    assert len(widths) == 1, f"rows have {sorted(widths)} statistics; S must be the same for all"


def parts_merge(metric: Metric) -> None:
    """The score and signature of two tables together are those of their summed statistics (SummedMetric alone)."""
    if not isinstance(metric, SummedMetric):
        return
    first, second = _table(metric, seed=1), _table(metric, seed=2)
    both, total = np.concatenate([first, second]), first.sum(axis=0) + second.sum(axis=0)
    _assert_close(metric.score(both), metric.score_of_sum(total), "two tables against their sum")
    assert str(metric.signature(both)) == str(metric.signature_of_sum(total)), "the signature of two tables"


def row_order_does_not_matter(metric: Metric) -> None:
    """Rows in another order give the same score and signature."""
    table = _table(metric)
    other = np.random.default_rng(3).permutation(table)
    _assert_close(metric.score(other), metric.score(table), "rows in another order")
    assert str(metric.signature(other)) == str(metric.signature(table)), "the signature of rows in another order"


def better_is_better(metric: Metric) -> None:
    """Perfect predictions score better than bad ones, in the direction that `better` names."""
    perfect, bad = (metric.score(_table(metric, noise=noise)) for noise in (0.0, 1.0))
    right = perfect < bad if metric.better == "lower" else perfect > bad
    assert right, f"perfect predictions score {perfect:g} and bad ones {bad:g}, but {metric.better} is better"


def the_interval_contains_the_value(metric: Metric) -> None:
    """The interval of many rows contains their score, and is the same at each call."""
    table = _table(metric, noise=0.5)
    score = evaluate(metric, table, resamples=200)
    assert score.interval is not None, f"{ROWS} rows have no interval"
    low, high = score.interval
    assert low <= score.value <= high, f"{score.value:g} is outside its interval from {low:g} to {high:g}"
    assert low < high, f"the interval of {ROWS} unlike rows is a single number, {low:g}"
    again = evaluate(metric, table, resamples=200)
    assert again.interval == score.interval, "the interval differs at the second call"


def a_system_equals_itself(metric: Metric) -> None:
    """The paired test of a system against itself has p = 1, and against a perfect one a small p."""
    table, perfect = _table(metric), _table(metric, noise=0.0)
    p = paired_bootstrap(metric, table, table, resamples=50)
    assert p == 1.0, f"a system against itself has p = {p:g}"
    p = paired_bootstrap(metric, table, perfect, resamples=200)
    assert p < 0.05, f"a bad system against a perfect one has p = {p:g}"


def nothing_is_not_a_number(metric: Metric) -> None:
    """A table without rows scores NaN, has a signature, and is refused by `evaluate`."""
    empty = _table(metric)[:0]
    value = metric.score(empty)
    assert np.isnan(value), f"no rows score {value:g}, not NaN"
    assert isinstance(str(metric.signature(empty)), str)
    _assert_refused(lambda: evaluate(metric, empty), "a table without rows")


def unlike_shapes_are_refused(metric: Metric) -> None:
    """A prediction without its last item, or with its first alone, is a DataError (`aligned` metrics alone)."""
    if not metric.aligned:
        return
    prediction, reference = metric.example_row(np.random.default_rng(4), 0.5)
    _assert_refused(lambda: metric.stats(prediction[:-1], reference), "a prediction without its last item")
    _assert_refused(lambda: metric.stats(prediction[:1], reference), "a prediction of one item")


def signatures_are_stable(metric: Metric) -> None:
    """The signature is the same at each call and for a copy of the metric, and names no address in memory."""
    table = _table(metric)
    text = str(metric.signature(table))
    assert str(metric.signature(table)) == text, "the signature differs at the second call"
    assert str(deepcopy(metric).signature(table.copy())) == text, "the signature of a copy differs"
    assert not ADDRESS.search(text), f"the signature names an address in memory: {text}"


LAWS: Final[tuple[Law, ...]] = (
    describes_itself,
    rows_have_one_width,
    parts_merge,
    row_order_does_not_matter,
    better_is_better,
    the_interval_contains_the_value,
    a_system_equals_itself,
    nothing_is_not_a_number,
    unlike_shapes_are_refused,
    signatures_are_stable,
)


def _table(metric: Metric, seed: int = 0, noise: float = 1.0) -> Stats:
    """[ROWS S], of predictions that are bad unless `noise` says otherwise."""
    generator = np.random.default_rng(seed)
    return np.stack([metric.stats(*metric.example_row(generator, noise)) for _ in range(ROWS)])


def _assert_close(value: float, expected: float, message: str) -> None:
    assert np.isclose(value, expected, rtol=1e-9, atol=1e-12), f"{message}: {value!r}, not {expected!r}"


def _assert_refused(call: Callable[[], object], message: str) -> None:
    try:
        result = call()
    except DataError:
        return
    raise AssertionError(f"{message} gave {result!r}; it must raise DataError")

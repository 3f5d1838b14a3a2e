"""The tables of an outcome, for a terminal and for a page."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from ostinato.compare.outcome import Outcome, OutcomeRow


@dataclass(frozen=True)
class ComparisonTable:
    """A table of text cells; the first `words` columns hold words, the others numbers."""

    title: str
    header: list[str]
    lines: list[list[str]]
    words: int = 1


def tables(outcome: Outcome) -> list[ComparisonTable]:
    """A table of every row, with its intervals, its test and its cost; before it, with a sweep, the means by value."""
    full = ComparisonTable("Every contestant", _header(outcome), [_line(outcome, row) for row in outcome.rows])
    if outcome.comparison.sweep is None:
        decimals = decimals_of(outcome)
        for name, (score,) in outcome.baselines.items():
            cells = [f"{name} (baseline)", number(score.value, decimals), "", _interval(score.interval, decimals)]
            full.lines.append(_padded(cells, len(full.header)))
        return [full]
    return [_by_value(outcome), ComparisonTable(full.title, full.header, full.lines, words=2)]


def decimals_of(outcome: Outcome) -> int:
    """The number of decimals that shows two significant digits of the smallest mean; at least three."""
    means = [row.mean for row in outcome.rows if row.mean]
    return max(3, *(1 - math.floor(math.log10(abs(mean))) for mean in means)) if means else 3


def number(value: float, decimals: int) -> str:
    """The value with a fixed number of decimals."""
    return f"{value:.{decimals}f}"


def metric_words(outcome: Outcome) -> str:
    """The metric's name, the split, and whether lower or higher is better."""
    return f"{outcome.metric.name.replace('_', ' ')} on test, {outcome.metric.better} is better"


def _by_value(outcome: Outcome) -> ComparisonTable:
    comparison, decimals = outcome.comparison, decimals_of(outcome)
    assert comparison.sweep is not None
    lines = []
    for name in comparison.contestants:
        rows = [row for row in outcome.rows if row.contestant == name]
        lines.append([name, *(_mean_and_range(row, decimals) for row in rows)])
    for name, scores in outcome.baselines.items():
        lines.append([f"{name} (baseline)", *(number(score.value, decimals) for score in scores)])
    header = [comparison.sweep.name, *map(str, comparison.sweep.values)]
    return ComparisonTable(f"Mean over seeds by {comparison.sweep.name} (lowest to highest seed)", header, lines)


def _mean_and_range(row: OutcomeRow, decimals: int) -> str:
    low, high = number(min(row.scores), decimals), number(max(row.scores), decimals)
    mean = number(row.mean, decimals)
    return mean if low == high else f"{mean} ({low} to {high})"


def _header(outcome: Outcome) -> list[str]:
    sweep = outcome.comparison.sweep
    has_size = any(row.size is not None for row in outcome.rows)
    return [
        "contestant", *([sweep.name] if sweep else []), "mean", "± seeds", "95 % over rows", "p",
        *(["size"] if has_size else []), "parameters", "steps", "seconds",
    ]  # fmt: skip


def _line(outcome: Outcome, row: OutcomeRow) -> list[str]:
    decimals, has_size = decimals_of(outcome), "size" in _header(outcome)
    return [
        row.contestant, *([str(row.value)] if outcome.comparison.sweep else []),
        number(row.mean, decimals), "" if row.over_seeds is None else number(row.over_seeds, decimals),
        _interval(row.score.interval, decimals), _p(outcome, row),
        *(["" if row.size is None else str(row.size)] if has_size else []), f"{row.parameters:,}",
        _range(sorted(run.steps for run in row.runs)), _range(sorted(round(run.seconds) for run in row.runs)),
    ]  # fmt: skip


def _p(outcome: Outcome, row: OutcomeRow) -> str:
    if row.p is None:
        return "reference" if outcome.comparison.terms.against else "best"
    return f"{row.p:.3f}"


def _interval(interval: tuple[float, float] | None, decimals: int) -> str:
    return "" if interval is None else " to ".join(number(end, decimals) for end in interval)


def _range(counts: list[int]) -> str:
    low, high = f"{counts[0]:,}", f"{counts[-1]:,}"
    return low if low == high else f"{low} to {high}"


def _padded(cells: list[str], count: int) -> list[str]:
    return [*cells, *[""] * (count - len(cells))]


def texts(outcome: Outcome) -> Iterator[str]:
    """The lines above the tables: the metric, and what is equal for all contestants."""
    terms = outcome.comparison.terms
    yield f"{outcome.comparison.at}: {metric_words(outcome)}"
    yield f"equal for all: {terms.budget.words}; seeds {', '.join(map(str, terms.seeds))}"

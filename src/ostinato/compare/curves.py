"""The curves of an outcome: scores by the value of the sweep or, without a sweep, by the step of training."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ostinato.compare.comparison import Comparison
from ostinato.compare.outcome import Outcome
from ostinato.compare.runs import ContestantRun
from ostinato.errors import ConfigError
from ostinato.plots import METADATA, Series, draw, svg
from ostinato.training.log import FILE

WIDE = 8.0  # the ratio of the largest to the smallest value from which on an axis is logarithmic


@dataclass(frozen=True)
class Curves:
    """A chart with one line a contestant: the mean over seeds, with a band from the lowest seed to the highest."""

    series: tuple[Series, ...]
    title: str
    x_label: str
    y_label: str
    x_log: bool
    y_log: bool
    levels: Mapping[str, float]

    def draw(self, path: Path) -> None:
        """Write the chart to a .svg, .png or .pdf file. Raises what `plots.draw` raises."""
        draw(
            path, self.series, title=self.title, x_label=self.x_label, y_label=self.y_label, x_log=self.x_log,
            y_log=self.y_log, levels=self.levels,
        )  # fmt: skip


def check_drawable(comparison: Comparison, path: Path) -> None:
    """Raises ConfigError, before anything is trained, where `path` has another suffix than .svg, .png or .pdf, where
    the values of the sweep are not numbers, and where matplotlib is not installed."""
    if path.suffix.lower() not in METADATA:
        raise ConfigError(f"--plot: '{path.name}' is not the name of a figure; use .svg, .png or .pdf")
    if comparison.sweep and not all(_is_number(value) for value in comparison.sweep.values):
        raise ConfigError(
            f"--plot: the values of {comparison.sweep.key} are not numbers, so there is no curve; leave it out"
        )
    svg([], title="", x_label="", y_label="")


def curves(outcome: Outcome) -> Curves:
    """The chart of an outcome, with the baselines as horizontal lines."""
    sweep, metric = outcome.comparison.sweep, outcome.metric
    name = metric.name.replace("_", " ")
    series = _by_value(outcome) if sweep else _by_step(outcome)
    levels = {name: sum(s.value for s in scores) / len(scores) for name, scores in outcome.baselines.items()}
    heights = [y for each in series for y in each.y]
    return Curves(
        tuple(series),
        f"{name} by {sweep.name if sweep else 'step of training'}",
        sweep.name if sweep else "step",
        f"{name} on {'test' if sweep else 'held-out'} examples",
        _is_wide([float(value) for value in sweep.values]) if sweep else False,
        metric.better == "lower" and _is_wide(heights),
        levels,
    )


def _by_value(outcome: Outcome) -> list[Series]:
    lines = []
    for name in outcome.comparison.contestants:
        rows = [row for row in outcome.rows if row.contestant == name]
        lines.append(
            Series(
                name,
                [float(row.value) for row in rows],
                [row.mean for row in rows],
                [min(row.scores) for row in rows],
                [max(row.scores) for row in rows],
            )
        )
    return lines


def _by_step(outcome: Outcome) -> list[Series]:
    lines = []
    for row in outcome.rows:
        by_seed = [_valid_scores(run) for run in row.runs]
        steps = sorted(set.intersection(*(set(scores) for scores in by_seed)))  # some seeds may have stopped early
        by_step = [[scores[step] for scores in by_seed] for step in steps]
        means = [sum(scores) / len(scores) for scores in by_step]
        low, high = [min(scores) for scores in by_step], [max(scores) for scores in by_step]
        lines.append(Series(row.contestant, [float(step) for step in steps], means, low, high))
    return lines


def _valid_scores(run: ContestantRun) -> dict[int, float]:
    """The first score of a run on `valid`, by step."""
    rows = [json.loads(line) for line in (run.folder / FILE).read_text("utf-8").splitlines()]
    scores = {row["step"]: row["scores"][0]["value"] for row in rows if row["kind"] == "scores"}
    return {step: value for step, value in scores.items() if value is not None}


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_wide(values: Sequence[float]) -> bool:
    return min(values) > 0 and max(values) / min(values) >= WIDE

"""The curves of an outcome: the score by the swept value or, without a sweep, by the step of training."""

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

WIDE = 8.0  # how many times the smallest value the largest is where a logarithmic axis begins to help


@dataclass(frozen=True)
class Curves:
    """One line a contestant, mean over seeds, with the lowest and the highest seed around it."""

    series: tuple[Series, ...]
    title: str
    x_label: str
    y_label: str
    x_log: bool
    y_log: bool
    levels: Mapping[str, float]

    def draw(self, path: Path) -> None:
        """Into a file, of the kind that its suffix says."""
        draw(
            path, self.series, title=self.title, x_label=self.x_label, y_label=self.y_label, x_log=self.x_log,
            y_log=self.y_log, levels=self.levels,
        )  # fmt: skip


def drawable(comparison: Comparison, path: Path) -> None:
    """Found out before anything is trained: raises ConfigError where `path` is no figure's, where no line can be drawn
    through the swept values, and where there is nothing to draw with."""
    if path.suffix.lower() not in METADATA:
        raise ConfigError(f"--plot: a figure is not drawn as '{path.name}'; name a file ending in .svg, .png or .pdf")
    if comparison.sweep and not all(_is_number(value) for value in comparison.sweep.values):
        raise ConfigError(
            f"--plot: the values of {comparison.sweep.key} are no numbers to draw a line through; leave it out"
        )
    svg([], title="", x_label="", y_label="")


def curves(outcome: Outcome) -> Curves:
    """What is to be drawn."""
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
    series = []
    for name in outcome.comparison.contestants:
        rows = [row for row in outcome.rows if row.contestant == name]
        series.append(
            Series(
                name,
                [float(row.value) for row in rows],
                [row.mean for row in rows],
                [min(row.scores) for row in rows],
                [max(row.scores) for row in rows],
            )
        )
    return series


def _by_step(outcome: Outcome) -> list[Series]:
    series = []
    for row in outcome.rows:
        each = [_held_out(run) for run in row.runs]
        steps = sorted(set.intersection(*(set(scores) for scores in each)))  # some seeds may have stopped early
        at = [[scores[step] for scores in each] for step in steps]
        means = [sum(scores) / len(scores) for scores in at]
        low, high = [min(scores) for scores in at], [max(scores) for scores in at]
        series.append(Series(row.contestant, [float(step) for step in steps], means, low, high))
    return series


def _held_out(run: ContestantRun) -> dict[int, float]:
    """Of one run, the score on `valid` by step."""
    rows = [json.loads(line) for line in (run.folder / FILE).read_text("utf-8").splitlines()]
    scores = {row["step"]: row["scores"][0]["value"] for row in rows if row["kind"] == "scores"}
    return {step: value for step, value in scores.items() if value is not None}


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_wide(values: Sequence[float]) -> bool:
    return min(values) > 0 and max(values) / min(values) >= WIDE

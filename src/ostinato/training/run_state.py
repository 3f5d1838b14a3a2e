"""Run: where a training run stands, apart from its tensors; it fits JSON."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ostinato.metrics.base import Score, Signature


@dataclass
class StepTotals:
    """Sums over the steps since the last row of the log; `skipped` steps are in none of the others but `seconds`."""

    loss: float = 0.0
    count: int = 0
    norm: float = 0.0
    steps: int = 0
    clipped: int = 0
    skipped: int = 0
    seconds: float = 0.0
    parts: dict[str, float] = field(default_factory=dict)

    def add(self, loss: float, count: int, parts: Mapping[str, float], norm: float, clipped: bool) -> None:
        """One more step that was not skipped."""
        self.loss, self.count = self.loss + loss, self.count + count
        self.norm, self.clipped, self.steps = self.norm + norm, self.clipped + clipped, self.steps + 1
        for name, part in parts.items():
            self.parts[name] = self.parts.get(name, 0.0) + part


@dataclass
class BestEvaluation:
    """The best evaluation so far, the checkpoint of the model that it was of, and the score that it was picked by."""

    step: int
    checkpoint: str
    scores: list[dict[str, Any]]
    selected: dict[str, Any]


@dataclass
class RunState:
    """`step` counts steps done, skipped ones too; the next batch is `index` of `epoch`.

    `total` is the number of steps once that is known, `evaluated` the step of the last evaluation (0: none),
    `evaluations` how many there were, `stale` the evaluations since the best one, `bad` the steps skipped in a row,
    `returns` the returns to an earlier checkpoint and `rate_scale` what they made of the rate.
    """

    step: int = 0
    epoch: int = 0
    index: int = 0
    total: int | None = None
    updates: int = 0
    evaluated: int = 0
    evaluations: int = 0
    stale: int = 0
    bad: int = 0
    skipped: int = 0
    returns: int = 0
    rate_scale: float = 1.0
    seconds: float = 0.0
    stopped: str = ""
    best: BestEvaluation | None = None
    window: StepTotals = field(default_factory=StepTotals)

    def table(self) -> dict[str, Any]:
        """As it fits JSON."""
        return asdict(self)

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> "RunState":
        """`table`'s inverse."""
        best = BestEvaluation(**table["best"]) if table["best"] is not None else None
        return cls(**{**table, "best": best, "window": StepTotals(**table["window"])})

    def read(self, batches: int) -> None:
        """One batch of an epoch of `batches` was read."""
        self.index += 1
        if self.index == batches:
            self.epoch, self.index = self.epoch + 1, 0


@dataclass(frozen=True)
class RecordedSignature(Signature):
    """A signature as it was read back: its parts by name."""

    recorded: tuple[tuple[str, str], ...]

    def parts(self) -> dict[str, str]:
        """Each field by its name."""
        return dict(self.recorded)


def plain(scores: Sequence[Score]) -> list[dict[str, Any]]:
    """Scores as they fit JSON; a number that is not finite becomes null."""
    return [
        {
            "name": score.name,
            "value": _finite(score.value),
            "unit": score.unit,
            "better": score.better,
            "signature": score.signature.parts(),
            "interval": [_finite(end) for end in score.interval] if score.interval is not None else None,
        }
        for score in scores
    ]


def scores_of(tables: Sequence[Mapping[str, Any]]) -> list[Score]:
    """`plain`'s inverse."""
    return [
        Score(
            table["name"],
            _number(table["value"]),
            table["unit"],
            RecordedSignature(tuple(table["signature"].items())),
            (_number(table["interval"][0]), _number(table["interval"][1])) if table["interval"] is not None else None,
            table["better"],
        )
        for table in tables
    ]


def is_better(new: Score, best: Mapping[str, Any] | None) -> bool:
    """Whether a score beats the best so far; one that is not finite never does."""
    if not math.isfinite(new.value):
        return False
    if best is None:
        return True
    value: float = best["value"]
    return new.value < value if new.better == "lower" else new.value > value


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def _number(number: float | None) -> float:
    return math.nan if number is None else number

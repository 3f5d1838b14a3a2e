"""Lower the rate whenever the held-out score stops getting better."""

from ostinato.errors import ConfigError
from ostinato.registry import Count, Share
from ostinato.training.schedules.base import Schedule, Warmup, register


@register("plateau")
class Plateau(Schedule):
    """The rate is multiplied by `factor` after more than `patience` evaluations in a row without a new best, and is
    never below `floor`. Raises ConfigError for a `factor` of 0.

    Options:
        warmup: steps over which the rate rises from 0 to the full learning rate.
        factor: what the rate is multiplied by after a plateau.
        patience: evaluations in a row without a new best that are let pass before the rate falls.
        floor: share of the learning rate that it does not fall below.
    """

    def __init__(self, warmup: Warmup = 100, factor: Share = 0.5, patience: Count = 2, floor: Share = 0.0):
        super().__init__(warmup)
        if not factor:
            raise ConfigError("train.schedule.factor: 0 would end all learning; choose a share between 0 and 1")
        self.by, self.patience, self.floor = factor, patience, floor
        self.stale, self.cuts = 0, 0

    def after_warmup(self, step: int, total: int | None) -> float:
        """What the cuts so far come to."""
        return max(self.floor, self.by**self.cuts)

    def evaluated(self, improved: bool) -> None:
        """Count, and cut when it was too many."""
        self.stale = 0 if improved else self.stale + 1
        if self.stale > self.patience:
            self.cuts, self.stale = self.cuts + 1, 0

    def memory(self) -> dict[str, int]:
        """Cuts, and evaluations since the last best or cut."""
        return {"stale": self.stale, "cuts": self.cuts}

    def recall(self, memory: dict[str, int]) -> None:
        """Cuts, and evaluations since the last best or cut."""
        self.stale, self.cuts = memory["stale"], memory["cuts"]

"""Schedule: what the optimizer's rate is multiplied by at each step; all of them begin with a linear warm-up."""

from abc import ABC, abstractmethod
from typing import Annotated, TypeAlias

from pydantic import Field

from ostinato.registry import Registry

Warmup: TypeAlias = Annotated[int, Field(ge=0)]


class Schedule(ABC):
    """(step + 1) / `warmup` until that reaches 1, times what a kind of schedule makes of the steps after."""

    def __init__(self, warmup: int):
        self.warmup = warmup

    def factor(self, step: int, total: int | None) -> float:
        """For `step` of `total`, from 0. While the total is not known only the warm-up depends on the step."""
        ramp = min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0
        return ramp * self.after_warmup(max(0, step - self.warmup), None if total is None else total - self.warmup)

    @abstractmethod
    def after_warmup(self, step: int, total: int | None) -> float:
        """As `factor`, both counted from the end of the warm-up."""

    def evaluated(self, improved: bool) -> None:  # noqa: B027 most schedules take no notice
        """An evaluation was made, and did or did not give the best score so far."""

    def memory(self) -> dict[str, int]:
        """What it must remember to go on after a restart."""
        return {}

    def recall(self, memory: dict[str, int]) -> None:  # noqa: B027 most schedules have nothing to remember
        """`memory`'s inverse."""


schedules: Registry[Schedule] = Registry(Schedule, "schedule", "ostinato.training.schedules")
register = schedules.register

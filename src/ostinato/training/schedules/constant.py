"""No change."""

from ostinato.training.schedules.base import Schedule, Warmup, register


@register("constant")
class Constant(Schedule):
    """The full rate once warm.

    Options:
        warmup: steps over which the rate rises from 0 to the full learning rate.
    """

    def __init__(self, warmup: Warmup = 0):
        super().__init__(warmup)

    def after_warmup(self, step: int, total: int | None) -> float:
        """1."""
        return 1.0

"""Cosine annealing (Loshchilov and Hutter, 2017), without restarts."""

import math

from ostinato.registry import Share
from ostinato.training.schedules.base import Schedule, Warmup, register


@register("cosine")
class Cosine(Schedule):
    """floor + (1 − floor) · (1 + cos(π · step / total)) / 2.

    Options:
        warmup: steps over which the rate rises from 0 to the full learning rate.
        floor: share of the learning rate that is left at the end.
    """

    def __init__(self, warmup: Warmup = 100, floor: Share = 0.05):
        super().__init__(warmup)
        self.floor = floor

    def after_warmup(self, step: int, total: int | None) -> float:
        """From 1 down to `floor`; 1 as long as the total is not known."""
        if total is None:
            return 1.0
        progress = min(1.0, step / max(total, 1))
        return self.floor + (1 - self.floor) * 0.5 * (1 + math.cos(math.pi * progress))

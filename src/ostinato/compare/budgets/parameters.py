"""Equal numbers of parameters."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from ostinato.compare.budgets.base import SOLVED, Budget, Scales, marked, register
from ostinato.errors import ConfigError
from ostinato.registry import Count, Share, Table

MOST = 65_536
"""The largest size that a recipe may have."""


@register("parameters", example={"count": 1000})
class Parameters(Budget):
    """`count` parameters, give or take a share of `tolerance`: each size that a contestant's [model] leaves to be
    "solved" becomes the one whole number that comes nearest, found by bisection.

    Options:
        count: parameters of each contestant.
        tolerance: share of `count` by which a contestant may differ from it.
    """

    def __init__(self, count: Count, tolerance: Share = 0.02):
        self.count, self.tolerance = count, tolerance
        self.words = f"{count:,} parameters (± {100 * tolerance:.3g} %), and the updates that the recipe says"

    def within(self, table: Table, scales: Scales) -> dict[str, Any]:
        """The model with its size."""

        def sized(size: int) -> dict[str, Any]:
            return {**table, "model": _filled(table["model"], size)}

        if not marked(table.get("model")):
            count = scales.parameters(table)
            if self._met(count):
                return dict(table)
            raise ConfigError(
                f"model: it has {count:,} parameters where the budget has {self.count:,}; write "
                f'"{SOLVED}" where the size stands that is to be found'
            )
        count_at = cache(lambda size: scales.parameters(sized(size)))
        size = nearest_size(count_at, self.count)
        count = count_at(size)
        if not self._met(count):
            raise ConfigError(
                f"model: no size comes within {self.tolerance:.2%} of {self.count:,} parameters, the nearest is {size} "
                f"with {count:,}; raise compare.budget.tolerance or change the count"
            )
        return sized(size)

    def _met(self, count: int) -> bool:
        return abs(count - self.count) <= self.tolerance * self.count


def nearest_size(count_at: Callable[[int], int], count: int) -> int:
    """The size from 1 to 65,536 whose count, which must not fall as the size grows, is nearest to `count`."""
    low, high = 0, 1
    while count_at(high) < count and high < MOST:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count_at(middle) < count else (low, middle)
    if low and count - count_at(low) < count_at(high) - count:
        return low
    return high


def _filled(value: Any, size: int) -> Any:
    if isinstance(value, Mapping):
        return {key: _filled(inner, size) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_filled(inner, size) for inner in value]
    return size if value == SOLVED else value

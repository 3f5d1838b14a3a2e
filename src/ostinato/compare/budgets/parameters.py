"""A budget of parameters."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from ostinato.compare.budgets.base import SOLVED, Budget, Scales, register, unsolved
from ostinato.errors import ConfigError
from ostinato.registry import Count, Share, Table

LARGEST = 65_536
"""The largest size that a recipe may have."""


@register("parameters", example={"count": 1000})
class Parameters(Budget):
    """`count` parameters, up to a relative `tolerance`. Every size in a contestant's [model] that is "solved" becomes
    the same whole number, the one whose model comes nearest to `count`, found by bisection.

    Options:
        count: parameters of each contestant.
        tolerance: share of `count` by which a contestant may differ from it.
    """

    def __init__(self, count: Count, tolerance: Share = 0.02):
        self.count, self.tolerance = count, tolerance
        self.words = f"{count:,} parameters (± {100 * tolerance:.3g} %), and the updates that the recipe says"

    def apply(self, table: Table, scales: Scales) -> dict[str, Any]:
        """The recipe with the size in every place that is "solved". Raises ConfigError where no size comes within the
        tolerance, and where a model without "solved" does not."""

        def with_size(size: int) -> dict[str, Any]:
            return {**table, "model": _filled(table["model"], size)}

        if not unsolved(table.get("model")):
            count = scales.parameters(table)
            if self._is_met(count):
                return dict(table)
            raise ConfigError(
                f"model: it has {count:,} parameters where the budget has {self.count:,}; write "
                f'"{SOLVED}" in the place of the size that the budget is to choose'
            )
        count_at = cache(lambda size: scales.parameters(with_size(size)))
        size = nearest_size(count_at, self.count)
        count = count_at(size)
        if not self._is_met(count):
            raise ConfigError(
                f"model: no size comes within {self.tolerance:.2%} of {self.count:,} parameters, the nearest is {size} "
                f"with {count:,}; raise compare.budget.tolerance or change the count"
            )
        return with_size(size)

    def _is_met(self, count: int) -> bool:
        return abs(count - self.count) <= self.tolerance * self.count


def nearest_size(count_at: Callable[[int], int], target: int) -> int:
    """The size from 1 to 65,536 whose count is nearest to `target`. `count_at` must not fall as the size grows."""
    low, high = 0, 1
    while count_at(high) < target and high < LARGEST:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count_at(middle) < target else (low, middle)
    if low and target - count_at(low) < count_at(high) - target:
        return low
    return high


def _filled(value: Any, size: int) -> Any:
    if isinstance(value, Mapping):
        return {key: _filled(inner, size) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_filled(inner, size) for inner in value]
    return size if value == SOLVED else value

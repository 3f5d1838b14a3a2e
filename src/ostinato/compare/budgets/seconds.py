"""Equal time."""

from typing import Any

from ostinato.compare.budgets.base import Budget, Scales, no_end_of_its_own, no_size_to_solve, register, with_train
from ostinato.registry import Positive, Table


@register("seconds", example={"count": 10.0})
class Seconds(Budget):
    """`count` seconds of training on this machine, by the clock.

    Options:
        count: seconds of training, for each contestant.
    """

    def __init__(self, count: Positive):
        self.count = count
        self.words = f"{count:g} seconds of training"

    def within(self, table: Table, scales: Scales) -> dict[str, Any]:
        """That as the recipe's own limit."""
        no_size_to_solve(table)
        no_end_of_its_own(table)
        return with_train(table, seconds=float(self.count))

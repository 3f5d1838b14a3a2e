"""A budget of time."""

from typing import Any

from ostinato.compare.budgets.base import Budget, Scales, no_end_of_its_own, no_size_to_solve, register, with_train
from ostinato.registry import Positive, Table


@register("seconds", example={"count": 10.0})
class Seconds(Budget):
    """`count` seconds of training on this machine, as wall time.

    Options:
        count: seconds of training, for each contestant.
    """

    def __init__(self, count: Positive):
        self.count = count
        self.words = f"{count:g} seconds of training"

    def apply(self, table: Table, scales: Scales) -> dict[str, Any]:
        """The recipe with train.seconds. Raises ConfigError where the recipe says how long to train, and where a size
        is "solved"."""
        no_size_to_solve(table)
        no_end_of_its_own(table)
        return with_train(table, seconds=float(self.count))

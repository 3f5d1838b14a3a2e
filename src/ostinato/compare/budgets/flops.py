"""A budget of floating-point operations."""

from typing import Any

from ostinato.compare.budgets.base import Budget, Scales, no_end_of_its_own, no_size_to_solve, register, with_train
from ostinato.errors import ConfigError
from ostinato.registry import Positive, Table


@register("flops", example={"count": 1e9})
class Flops(Budget):
    """`count` floating-point operations of training, which decide the number of steps. Only the matrix products of an
    update are counted, forward and backward, two operations for a multiply-add.

    Options:
        count: floating-point operations of training, for each contestant.
    """

    def __init__(self, count: Positive):
        self.count = count
        self.words = f"{count:.3g} floating-point operations of training"

    def apply(self, table: Table, scales: Scales) -> dict[str, Any]:
        """The recipe with as many steps as fit. Raises ConfigError where not even one step fits, where the recipe says
        how long to train, and where a size is "solved"."""
        no_size_to_solve(table)
        no_end_of_its_own(table)
        per_step = scales.flops(with_train(table, steps=1))
        steps = int(self.count // per_step) if per_step else 0
        if steps < 1:
            raise ConfigError(
                f"train: one step is {per_step:.3g} operations and the budget has {self.count:.3g}; raise it, or take "
                "fewer rows or a smaller model"
            )
        return with_train(table, steps=steps)

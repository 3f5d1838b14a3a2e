"""Equal arithmetic."""

from typing import Any

from ostinato.compare.budgets.base import Budget, Scales, no_end_of_its_own, no_size_to_solve, register, with_train
from ostinato.errors import ConfigError
from ostinato.registry import Positive, Table


@register("flops", example={"count": 1e9})
class Flops(Budget):
    """`count` floating-point operations of training: as many updates as fit. Counted are the matrix products of one
    update, forward and backward, two operations a multiply-add.

    Options:
        count: floating-point operations of training, for each contestant.
    """

    def __init__(self, count: Positive):
        self.count = count
        self.words = f"{count:.3g} floating-point operations of training"

    def within(self, table: Table, scales: Scales) -> dict[str, Any]:
        """As many steps as fit."""
        no_size_to_solve(table)
        no_end_of_its_own(table)
        each = scales.flops(with_train(table, steps=1))
        steps = int(self.count // each) if each else 0
        if steps < 1:
            raise ConfigError(
                f"train: one update is {each:.3g} operations and the budget has {self.count:.3g}; raise it, or take "
                "fewer rows or a smaller model"
            )
        return with_train(table, steps=steps)

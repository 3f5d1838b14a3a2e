"""No budget but the recipe."""

from typing import Any

from ostinato.compare.budgets.base import Budget, Scales, no_size_to_solve, register
from ostinato.registry import Table


@register("recipe")
class AsWritten(Budget):
    """What the recipe says and nothing else: as many updates as it has."""

    words = "what the recipe says"

    def within(self, table: Table, scales: Scales) -> dict[str, Any]:
        """The same."""
        no_size_to_solve(table)
        return dict(table)

"""No budget: what the recipe says."""

from typing import Any

from ostinato.compare.budgets.base import Budget, Scales, no_size_to_solve, register
from ostinato.registry import Table


@register("recipe")
class RecipeBudget(Budget):
    """As many updates as the recipe says, for models of the sizes that it says."""

    words = "what the recipe says"

    def apply(self, table: Table, scales: Scales) -> dict[str, Any]:
        """The same tables. Raises ConfigError where a size is "solved"."""
        no_size_to_solve(table)
        return dict(table)

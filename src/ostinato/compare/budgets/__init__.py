"""Budgets: what all contestants have the same amount of, one budget a file."""

from ostinato.compare.budgets.base import SOLVED, Budget, Scales, budgets, register, size_in
from ostinato.compare.budgets.flops import Flops
from ostinato.compare.budgets.parameters import Parameters
from ostinato.compare.budgets.recipe import RecipeBudget
from ostinato.compare.budgets.seconds import Seconds

__all__ = [
    "SOLVED",
    "Budget",
    "Flops",
    "Parameters",
    "RecipeBudget",
    "Scales",
    "Seconds",
    "budgets",
    "register",
    "size_in",
]

"""Budgets: what is the same for all contestants, one file each."""

from ostinato.compare.budgets.base import SOLVED, Budget, Scales, budgets, register, size_in
from ostinato.compare.budgets.flops import Flops
from ostinato.compare.budgets.parameters import Parameters
from ostinato.compare.budgets.seconds import Seconds
from ostinato.compare.budgets.written import AsWritten

__all__ = [
    "SOLVED",
    "AsWritten",
    "Budget",
    "Flops",
    "Parameters",
    "Scales",
    "Seconds",
    "budgets",
    "register",
    "size_in",
]

"""The harness behind `ostinato compare`: models side by side on one task, under one budget, with several seeds."""

from ostinato.compare.budgets import Budget, budgets
from ostinato.compare.comparison import Comparison, Entry, load
from ostinato.compare.curves import Curves, curves
from ostinato.compare.outcome import Outcome, Row, outcome
from ostinato.compare.page import page
from ostinato.compare.plan import Contestant, plan
from ostinato.compare.runs import Run, runs
from ostinato.compare.tables import tables

__all__ = [
    "Budget",
    "Comparison",
    "Contestant",
    "Curves",
    "Entry",
    "Outcome",
    "Row",
    "Run",
    "budgets",
    "curves",
    "load",
    "outcome",
    "page",
    "plan",
    "runs",
    "tables",
]

"""Comparisons: several models on one task, under one budget, with several seeds (`ostinato compare`)."""

from ostinato.compare.budgets import Budget, budgets
from ostinato.compare.comparison import Comparison, ContestantEntry, load
from ostinato.compare.curves import Curves, curves
from ostinato.compare.outcome import Outcome, OutcomeRow, outcome
from ostinato.compare.page import page
from ostinato.compare.plan import Contestant, plan
from ostinato.compare.runs import ContestantRun, runs
from ostinato.compare.tables import tables

__all__ = [
    "Budget",
    "Comparison",
    "Contestant",
    "ContestantEntry",
    "ContestantRun",
    "Curves",
    "Outcome",
    "OutcomeRow",
    "budgets",
    "curves",
    "load",
    "outcome",
    "page",
    "plan",
    "runs",
    "tables",
]

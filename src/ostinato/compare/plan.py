"""Plan: every contestant's whole recipe, its budget kept and its numbers comparable, before the first run."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ostinato.compare.budgets import size_in
from ostinato.compare.comparison import Comparison, ContestantEntry
from ostinato.compare.scales import RecipeScales, checked
from ostinato.errors import ComparisonError, ConfigError
from ostinato.metrics.base import Score, comparable
from ostinato.progress import OnProgress
from ostinato.recipe import Recipe
from ostinato.training import Settings


@dataclass(frozen=True)
class Contestant:
    """A contestant under one value of the sweep. `size` is what the budget of parameters found, if it looked for one;
    `score` that of the untrained model on a few rows."""

    name: str
    value: Any
    table: dict[str, Any]
    parameters: int
    size: int | None
    score: Score

    def recipe(self, seed: int) -> Recipe[Settings]:
        """What is trained with one seed."""
        return checked({**self.table, "train": {**self.table["train"], "seed": seed}})


def plan(comparison: Comparison, folder: Path, progress: OnProgress) -> list[Contestant]:
    """Fit every contestant into the budget and try it once; `folder` is for files that are not kept.

    Raises ConfigError naming every problem of every contestant, ComparisonError where the scores of two would not mean
    the same.
    """
    scales = RecipeScales(folder, progress)
    contestants: list[Contestant] = []
    problems: dict[str, list[str]] = {}
    for number, entry in enumerate(comparison.entries):
        progress("contestants", number, len(comparison.entries))
        try:
            contestants.append(_contestant(comparison, entry, scales))
        except ConfigError as error:
            for problem in error.problems:
                problems.setdefault(problem, []).append(entry.contestant)
    if problems:
        ordered = sorted(problems.items(), key=lambda item: -len(set(item[1])))  # those of all contestants first
        raise ConfigError([_said(comparison, problem, names) for problem, names in ordered])
    for value in comparison.values:
        agreeing(comparison, value, [(each.name, each.score) for each in contestants if each.value == value])
    return contestants


def _contestant(comparison: Comparison, entry: ContestantEntry, scales: RecipeScales) -> Contestant:
    budget = comparison.terms.budget
    table = budget.within(entry.table, scales)
    table.setdefault("train", {})
    parameters, score = scales.parameters(table), scales.example(table)
    return Contestant(entry.contestant, entry.value, table, parameters, size_in(entry.table, table), score)


def _said(comparison: Comparison, problem: str, names: Iterable[str]) -> str:
    """What every contestant has is the recipe's own."""
    unique = list(dict.fromkeys(names))
    if unique == comparison.contestants:
        return f"{comparison.at}: {problem}"
    return f"{comparison.at}: {', '.join(f'contestants.{name}' for name in unique)}: {problem}"


def agreeing(comparison: Comparison, value: Any, scores: Iterable[tuple[str, Score]]) -> None:
    """Raises ComparisonError where two contestants' scores do not mean the same."""
    (first, score), *others = scores
    for name, other in others:
        try:
            comparable(score, other)
        except ComparisonError as error:
            at = f" with {comparison.sweep.name} {value}" if comparison.sweep else ""
            raise ComparisonError(f"{comparison.at}: {first} and {name}{at}: {error}") from error

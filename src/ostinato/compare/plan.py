"""Plan: the full recipe of every contestant, checked against the budget before the first run."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ostinato.compare.budgets import size_in
from ostinato.compare.comparison import Comparison, ContestantEntry
from ostinato.compare.scales import RecipeScales, check_recipe
from ostinato.errors import ComparisonError, ConfigError
from ostinato.metrics.base import Score, comparable
from ostinato.progress import OnProgress
from ostinato.recipe import Recipe
from ostinato.training import Settings


@dataclass(frozen=True)
class Contestant:
    """A contestant under one value of the sweep. `table` is its recipe without the seed, `size` the size that the
    budget of parameters chose (None where it chose none), `score` that of the untrained model on a few rows."""

    name: str
    value: Any
    table: dict[str, Any]
    parameters: int
    size: int | None
    score: Score

    def recipe(self, seed: int) -> Recipe[Settings]:
        """The recipe with one seed."""
        return check_recipe({**self.table, "train": {**self.table["train"], "seed": seed}})


def plan(comparison: Comparison, folder: Path, progress: OnProgress) -> list[Contestant]:
    """Apply the budget to every contestant and score its untrained model once; `folder` is for temporary files.

    Raises ConfigError naming every problem of every contestant, and ComparisonError where the scores of two contestants
    would not be comparable.
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
        raise ConfigError([_located(comparison, problem, names) for problem, names in ordered])
    for value in comparison.values:
        check_comparable(comparison, value, [(each.name, each.score) for each in contestants if each.value == value])
    return contestants


def _contestant(comparison: Comparison, entry: ContestantEntry, scales: RecipeScales) -> Contestant:
    budget = comparison.terms.budget
    table = budget.apply(entry.table, scales)
    table.setdefault("train", {})
    parameters, score = scales.parameters(table), scales.example(table)
    return Contestant(entry.contestant, entry.value, table, parameters, size_in(entry.table, table), score)


def _located(comparison: Comparison, problem: str, names: Iterable[str]) -> str:
    """The problem behind the contestants that have it; one that all have is the recipe's own."""
    unique = list(dict.fromkeys(names))
    if unique == comparison.contestants:
        return f"{comparison.at}: {problem}"
    return f"{comparison.at}: {', '.join(f'contestants.{name}' for name in unique)}: {problem}"


def check_comparable(comparison: Comparison, value: Any, scores: Iterable[tuple[str, Score]]) -> None:
    """Raises ComparisonError where the scores of two contestants, given by name, are not comparable."""
    (first, score), *others = scores
    for name, other in others:
        try:
            comparable(score, other)
        except ComparisonError as error:
            at = f" with {comparison.sweep.name} {value}" if comparison.sweep else ""
            raise ComparisonError(f"{comparison.at}: {first} and {name}{at}: {error}") from error

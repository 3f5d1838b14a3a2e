"""Comparison: a TOML file with a recipe and several contestants, each with its changes to the recipe.

Its tables are those of a recipe, and

    [compare]               the seeds, the budget, and the contestant that the others are tested against
    [sweep]                 one key of the recipe and the values that it takes in turn; may be left out
    [contestants.NAME]      tables of a recipe, merged into the first ones

A table with a name is a constructor call and replaces the table before it; any other table is merged key by key. The
sweep's value is set after that, and the seed last.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ostinato.compare.budgets import Budget, RecipeBudget
from ostinato.errors import ConfigError
from ostinato.recipe import SECTIONS, override, read
from ostinato.recipe_catalog import recipe_path
from ostinato.registry import Spec, Table, check_call, nearest
from ostinato.training.settings import Seed

OWN = ("compare", "sweep", "contestants")
RECIPE_BUDGET: Spec[Budget] = Spec("recipe", {}, RecipeBudget, "compare.budget")
NAME = re.compile(r"[\w+-][\w.+-]*")  # it becomes the name of a folder


class Terms:
    """What is the same for all contestants. `seeds` are those of training: they decide the initial weights and the
    order of the examples, not the examples. `against` names the contestant that the others are tested against; by
    default it is the best one. Every contestant has the same `budget`.

    Options:
        seeds: the seeds of training; each contestant is trained once with each.
        against: the contestant that the others are tested against; not set: the best one.
        budget: what all contestants have the same amount of.
    """

    def __init__(self, seeds: list[Seed], against: str | None = None, budget: Spec[Budget] = RECIPE_BUDGET):
        self.seeds, self.against = seeds, against
        self.budget = budget.build()


class Sweep:
    """A key of the recipe, such as data.problem.lag, and the values that it takes in turn.

    Options:
        key: the key of the recipe that takes the values, such as data.problem.lag.
        values: the values, in turn.
    """

    def __init__(self, key: str, values: list[Any]):
        self.key, self.values = key, values

    @property
    def name(self) -> str:
        """The key's last part."""
        return self.key.rpartition(".")[2]


@dataclass(frozen=True)
class ContestantEntry:
    """A contestant under one value of the sweep (None without a sweep), with its recipe's tables without the seed."""

    contestant: str
    value: Any
    table: dict[str, Any]


@dataclass(frozen=True)
class Comparison:
    """A comparison file. `entries` are in the file's order, all contestants of one value before those of the next; `at`
    is the file's path."""

    at: str
    terms: Terms
    sweep: Sweep | None
    entries: tuple[ContestantEntry, ...]

    @property
    def contestants(self) -> list[str]:
        """The names of the contestants."""
        return list(dict.fromkeys(entry.contestant for entry in self.entries))

    @property
    def values(self) -> list[Any]:
        """The values of the sweep; [None] without one."""
        return self.sweep.values if self.sweep else [None]


def load(comparison: str | os.PathLike[str], changes: Iterable[str] = ()) -> Comparison:
    """Read a comparison (a name or a file, as `recipe_catalog.recipe_path` says) and apply `a.b=value` changes.

    Raises ConfigError naming every problem of it; the recipes are checked later, by `compare.plan`."""
    path = recipe_path(comparison, "compare")
    table = override(read(path, "comparison"), changes)
    problems = [
        f"{key}: a comparison has no such table; {nearest(key, [*SECTIONS, *OWN])}"
        for key in table
        if key not in (*SECTIONS, *OWN)
    ]
    for key in OWN:
        if not isinstance(table.get(key, {}), Mapping):
            problems.append(f"{key}: it must be a table; write [{key}]")
    if problems:
        raise _error(path, problems)
    terms, problems = check_call(Terms, table.get("compare", {}), "compare", "a comparison")
    sweep_options, sweep_problems = (
        check_call(Sweep, table["sweep"], "sweep", "a sweep") if "sweep" in table else ({}, [])
    )
    problems += sweep_problems
    contestants = table.get("contestants", {})
    problems += _contestants(contestants)
    base = {key: table[key] for key in SECTIONS if key in table}
    if not problems:
        problems += _conflicts(terms, sweep_options, contestants, base)
    if problems:
        raise _error(path, problems)
    sweep = Sweep(**sweep_options) if sweep_options else None
    try:
        return Comparison(str(path), Terms(**terms), sweep, tuple(_entries(base, contestants, sweep)))
    except ConfigError as error:
        raise _error(path, error.problems) from error


def _error(path: Path, problems: Iterable[str]) -> ConfigError:
    return ConfigError([f"{path}: {problem}" for problem in problems])


def _contestants(table: Table) -> list[str]:
    if len(table) < 2:
        return [f"contestants: there are {len(table)}; name at least two, each in a table [contestants.NAME]"]
    problems = []
    for name, own in table.items():
        if not NAME.fullmatch(name):
            problems.append(f"contestants.{name}: a folder is named after it; use letters, digits, _, - and .")
        if not isinstance(own, Mapping):
            problems.append(f"contestants.{name}: it must be a table of changes; write [contestants.{name}]")
    return problems


def _conflicts(terms: Table, sweep: Table, contestants: Table, base: Table) -> list[str]:
    """Problems of keys that do not fit together, such as one that the sweep would overwrite silently."""
    problems = []
    if not terms["seeds"] or len(set(terms["seeds"])) < len(terms["seeds"]):
        problems.append(f"compare.seeds: {terms['seeds']} is empty or repeats a seed; give at least one, each once")
    against = terms.get("against")
    if against is not None and against not in contestants:
        problems.append(f"compare.against: there is no contestant '{against}'; {nearest(against, list(contestants))}")
    key, values = sweep.get("key"), [str(value) for value in sweep.get("values", [])]
    if key is not None and (key.partition(".")[0] not in SECTIONS or not key.partition(".")[2]):
        problems.append(f"sweep.key: '{key}' is not a key of a recipe; write section.key, such as data.problem.lag")
    if key is not None and (not values or len(set(values)) < len(values) or not all(map(NAME.fullmatch, values))):
        problems.append(
            "sweep.values: folders are named after them; give numbers or plain words, at least one, each once"
        )
    for name, own in (("", base), *contestants.items()):
        where = f"contestants.{name}." if name else ""
        if _has_key(own, "train.seed"):
            problems.append(f"{where}train.seed: the seeds are those of compare.seeds; leave it out")
        if name and key is not None and _has_key(own, key):
            problems.append(f"{where}{key}: the sweep sets it; leave it out")
    return problems


def _entries(base: Table, contestants: Table, sweep: Sweep | None) -> Iterator[ContestantEntry]:
    for value in sweep.values if sweep else [None]:
        for name, own in contestants.items():
            table = merge(base, own)
            yield ContestantEntry(name, value, with_value(table, sweep.key, value) if sweep else table)


def merge(under: Table, over: Table) -> dict[str, Any]:
    """The tables of `under` with those of `over` in them: a table with a name replaces, any other is merged."""
    result = dict(under)
    for key, value in over.items():
        before = result.get(key)
        if isinstance(value, Mapping) and isinstance(before, Mapping) and "name" not in value:
            result[key] = merge(before, value)
        else:
            result[key] = value
    return result


def with_value(table: Table, key: str, value: Any) -> dict[str, Any]:
    """The table with `value` at a dotted key. Raises ConfigError where a part of the key is not a table."""
    first, _, rest = key.partition(".")
    inner = table.get(first, {})
    if rest and not isinstance(inner, Mapping):
        raise ConfigError(f"sweep.key: {first} in '{key}' is a value, not a table; sweep {first} itself")
    return {**table, first: with_value(inner, rest, value) if rest else value}


def _has_key(table: Any, key: str) -> bool:
    first, _, rest = key.partition(".")
    if not isinstance(table, Mapping) or first not in table:
        return False
    return _has_key(table[first], rest) if rest else True

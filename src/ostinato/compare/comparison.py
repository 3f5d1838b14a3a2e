"""Comparison: a TOML file that sets contestants side by side: one recipe, and what each of them has otherwise.

Its tables are those of a recipe, and

    [compare]               seeds, who the others are tested against, the budget: a constructor call, as ever
    [sweep]                 one key of the recipe and the values that it takes in turn; may be left out
    [contestants.NAME]      tables of a recipe again, laid over the first ones

A table with a name is a call and takes the place of what was there; any other is merged key by key. The sweep is laid
over both, the seed over all.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ostinato.compare.budgets import AsWritten, Budget
from ostinato.errors import ConfigError
from ostinato.recipe import SECTIONS, override, read
from ostinato.recipe_catalog import recipe_path
from ostinato.registry import Spec, Table, check_call, nearest
from ostinato.training.settings import Seed

OWN = ("compare", "sweep", "contestants")
AS_WRITTEN: Spec[Budget] = Spec("recipe", {}, AsWritten, "compare.budget")
NAME = re.compile(r"[\w+-][\w.+-]*")  # becomes a folder


class Terms:
    """What holds for all contestants. `seeds` are those of training: the start of the weights and the order of the
    examples, which stay the same themselves. `against` names the contestant that the others are tested against; without
    it that is the best one.

    Options:
        seeds: the seeds of training; each contestant is trained once with each.
        against: the contestant that the others are tested against; not set: the best one.
        budget: what all contestants have the same amount of.
    """

    def __init__(self, seeds: list[Seed], against: str | None = None, budget: Spec[Budget] = AS_WRITTEN):
        self.seeds, self.against = seeds, against
        self.budget = budget.build()


class Sweep:
    """A key of the recipe, as section.key, and the values that it takes in turn.

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
    """A contestant under one value of the sweep (None: there is none): the tables of its recipe but for the seed."""

    contestant: str
    value: Any
    table: dict[str, Any]


@dataclass(frozen=True)
class Comparison:
    """A file as it was read: `entries` in the file's order, all contestants of the first value before the second's."""

    at: str
    terms: Terms
    sweep: Sweep | None
    entries: tuple[ContestantEntry, ...]

    @property
    def contestants(self) -> list[str]:
        """Their names."""
        return list(dict.fromkeys(entry.contestant for entry in self.entries))

    @property
    def values(self) -> list[Any]:
        """What the sweep goes through; a single None without one."""
        return self.sweep.values if self.sweep else [None]


def load(comparison: str | os.PathLike[str], changes: Iterable[str] = ()) -> Comparison:
    """Read a comparison (a name or a file, as `recipe_catalog.recipe_path` says) and lay `a.b=value` changes over it.

    Raises ConfigError naming every problem of it; what the recipes say is checked later (`compare.plan`)."""
    path = recipe_path(comparison, "compare")
    table = override(read(path, "comparison"), changes)
    problems = [
        f"{key}: a comparison has no such table; {nearest(key, [*SECTIONS, *OWN])}"
        for key in table
        if key not in (*SECTIONS, *OWN)
    ]
    for key in OWN:
        if not isinstance(table.get(key, {}), Mapping):
            problems.append(f"{key}: it is a table; write [{key}]")
    if problems:
        raise _refusal(path, problems)
    terms, problems = check_call(Terms, table.get("compare", {}), "compare", "a comparison")
    swept, more = check_call(Sweep, table["sweep"], "sweep", "a sweep") if "sweep" in table else ({}, [])
    problems += more
    contestants = table.get("contestants", {})
    problems += _contestants(contestants)
    base = {key: table[key] for key in SECTIONS if key in table}
    if not problems:
        problems += _conflicts(terms, swept, contestants, base)
    if problems:
        raise _refusal(path, problems)
    sweep = Sweep(**swept) if swept else None
    try:
        return Comparison(str(path), Terms(**terms), sweep, tuple(_entries(base, contestants, sweep)))
    except ConfigError as error:
        raise _refusal(path, error.problems) from error


def _refusal(path: Path, problems: Iterable[str]) -> ConfigError:
    return ConfigError([f"{path}: {problem}" for problem in problems])


def _contestants(table: Table) -> list[str]:
    if len(table) < 2:
        return [f"contestants: there are {len(table)}; name at least two, each in a table [contestants.NAME]"]
    problems = []
    for name, own in table.items():
        if not NAME.fullmatch(name):
            problems.append(f"contestants.{name}: its runs get a folder of this name; use letters, digits, _, - and .")
        if not isinstance(own, Mapping):
            problems.append(f"contestants.{name}: it is a table of changes to the recipe; write [contestants.{name}]")
    return problems


def _conflicts(terms: Table, swept: Table, contestants: Table, base: Table) -> list[str]:
    """What one part of the file says and another would silently overrule."""
    problems = []
    if not terms["seeds"] or len(set(terms["seeds"])) < len(terms["seeds"]):
        problems.append(f"compare.seeds: {terms['seeds']} are no different seeds; give at least one, each once")
    against = terms.get("against")
    if against is not None and against not in contestants:
        problems.append(f"compare.against: there is no contestant '{against}'; {nearest(against, list(contestants))}")
    key, values = swept.get("key"), [str(value) for value in swept.get("values", [])]
    if key is not None and (key.partition(".")[0] not in SECTIONS or not key.partition(".")[2]):
        problems.append(f"sweep.key: '{key}' is no key of a recipe; write section.key, such as data.problem.lag")
    if key is not None and (not values or len(set(values)) < len(values) or not all(map(NAME.fullmatch, values))):
        problems.append("sweep.values: give at least one, each once, numbers or plain words: runs get folders of them")
    for name, own in (("", base), *contestants.items()):
        where = f"contestants.{name}." if name else ""
        if _holds(own, "train.seed"):
            problems.append(f"{where}train.seed: a comparison trains with each of compare.seeds; leave it out")
        if name and key is not None and _holds(own, key):
            problems.append(f"{where}{key}: the sweep sets it; leave it out")
    return problems


def _entries(base: Table, contestants: Table, sweep: Sweep | None) -> Iterator[ContestantEntry]:
    for value in sweep.values if sweep else [None]:
        for name, own in contestants.items():
            yield ContestantEntry(name, value, placed(laid(base, own), sweep.key, value) if sweep else laid(base, own))


def laid(under: Table, over: Table) -> dict[str, Any]:
    """One table over another: a table with a name replaces what was there, any other is merged."""
    result = dict(under)
    for key, value in over.items():
        before = result.get(key)
        if isinstance(value, Mapping) and isinstance(before, Mapping) and "name" not in value:
            result[key] = laid(before, value)
        else:
            result[key] = value
    return result


def placed(table: Table, key: str, value: Any) -> dict[str, Any]:
    """A copy of the table with `value` at `key`, a path such as "model.cell.hidden". Raises ConfigError where the path
    leads through something that is not a table."""
    first, _, rest = key.partition(".")
    inner = table.get(first, {})
    if rest and not isinstance(inner, Mapping):
        raise ConfigError(f"sweep.key: {first} in '{key}' is a value and holds nothing; sweep {first} itself")
    return {**table, first: placed(inner, rest, value) if rest else value}


def _holds(table: Any, key: str) -> bool:
    first, _, rest = key.partition(".")
    if not isinstance(table, Mapping) or first not in table:
        return False
    return _holds(table[first], rest) if rest else True

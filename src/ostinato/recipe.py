"""A recipe: a TOML file and overrides, read, checked as a whole, and resolved.

Its tables are [task], [data], [model] and [train]; each is a constructor call (`ostinato.registry`). Precedence:
signature defaults, then the file, then `--set a.b=value`. No environment variables, no interpolation, no import paths.
"""

import inspect
import json
import os
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Generic, TypeVar

from torch import nn

from ostinato.data.splits import DataSplits, data_sources
from ostinato.errors import ConfigError
from ostinato.models import models
from ostinato.options import OptionInUse, in_table, in_use
from ostinato.recipe_catalog import recipe_path, text_command
from ostinato.registry import Spec, Table, check_call, nearest
from ostinato.tasks import Task, tasks
from ostinato.tasks.fit import unfit

T = TypeVar("T")

SECTIONS = ("task", "data", "model", "train")
LIMITS = ("steps", "epochs", "seconds")
"""The keys of [train] that end training."""


@dataclass(frozen=True)
class Recipe(Generic[T]):
    """What to train, on what, and how. `table` is the whole of it with every default filled in, fit for JSON."""

    table: dict[str, Any]
    task: Spec[Task[Any, Any]]
    data: Spec[DataSplits[Any]]
    model: Spec[nn.Module]
    train: T


def load(recipe: str | os.PathLike[str], overrides: Iterable[str], settings: Callable[..., T]) -> Recipe[T]:
    """Read a recipe (a name or a file, as `recipe_catalog.recipe_path` says), apply `a.b=value` overrides and check
    everything. Raises ConfigError naming every problem."""
    path = recipe_path(recipe)
    return check(override(read(path), overrides), settings, str(path))


def read(path: Path, kind: str = "recipe") -> dict[str, Any]:
    """The tables of a TOML file. Raises ConfigError where there is none, or something else."""
    try:
        text = path.read_text(encoding="utf-8")
    except IsADirectoryError:
        raise ConfigError(f"{path}: it is a directory; name a {kind}'s .toml file") from None
    except FileNotFoundError:
        beside = sorted(p.name for p in path.parent.glob("*.toml")) if path.parent.is_dir() else []
        raise ConfigError(f"{path}: there is no such {kind}; {nearest(path.name, beside)}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: it cannot be read ({error}); name a {kind}'s .toml file") from error
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        hint = f"; to train on a text, type: {text_command(path)}" if path.suffix != ".toml" else ""
        raise ConfigError(f"{path}: it is not TOML: {error}{hint}") from error


def check(table: Table, settings: Callable[..., T], at: str) -> Recipe[T]:
    """A table as a Recipe. Raises ConfigError naming every problem at once, each behind `at`."""
    problems = [
        f"{key}: a recipe has no such table; {nearest(key, list(SECTIONS))}" for key in table if key not in SECTIONS
    ]
    problems += [
        f"{section}: the recipe has no [{section}] table; add one" for section in SECTIONS if section not in table
    ]
    task, more = tasks.check(table["task"], "task") if "task" in table else (None, [])
    problems += more
    data, more = data_sources.check(table["data"], "data") if "data" in table else (None, [])
    problems += more
    model, more = models.check(table["model"], "model") if "model" in table else (None, [])
    problems += more
    train = table.get("train", {})
    if isinstance(train, Mapping):
        options, more = check_call(settings, train, "train", "training", getattr(settings, "renamed", None))
    else:
        options, more = {}, ["train: it is a table of settings; write [train]"]
    problems += more
    if not problems and task is not None and model is not None and data is not None:
        problems += unfit(task, data, model)
    if problems or task is None or model is None or data is None:
        raise ConfigError([f"{at}: {problem}" for problem in problems])
    whole = {"task": resolve(task), "data": resolve(data), "model": resolve(model)}
    whole["train"] = _filled(settings, options)
    try:
        train_settings = settings(**options)
    except ConfigError as error:
        raise ConfigError([f"{at}: {problem}" for problem in error.problems]) from error
    return Recipe(whole, task, data, model, train_settings)


def override(table: Table, settings: Iterable[str]) -> dict[str, Any]:
    """The table with `a.b=value` applied in order; a value that is not TOML is taken as a string.

    `a.b[0].c=value` reaches into the first table of a list. Raises ConfigError for a key that cannot be set.
    """
    result: dict[str, Any] = _copied(table)
    keys = []
    for setting in settings:
        path, equals, text = setting.partition("=")
        if not equals:
            raise _malformed(setting)
        keys.append(path.strip())
        result = with_value(result, keys[-1], value_of(text.strip()), f"--set {setting}")
    return without_other_limits(result, keys)


def without_other_limits(table: Table, keys: Iterable[str]) -> dict[str, Any]:
    """The table without the limits of training that it had before one of them was set: with `train.steps` among the
    `keys` that were set, the recipe's own `train.seconds` no longer ends training."""
    result, keys = dict(table), set(keys)
    if keys & {f"train.{limit}" for limit in LIMITS} and isinstance(result.get("train"), Mapping):
        dropped = {limit for limit in LIMITS if f"train.{limit}" not in keys}
        result["train"] = {key: value for key, value in result["train"].items() if key not in dropped}
    return result


def with_value(table: Table, key: str, value: Any, at: str) -> dict[str, Any]:
    """The table with the value of one dotted key replaced; tables on the way are made where they are missing.

    Raises ConfigError, with `at` as its place, for a key that leads into a value or behind the end of a list.
    """
    result: dict[str, Any] = _copied(table)
    steps = _steps(key, at)
    into: Any = result
    for step, following in pairwise(steps):
        if isinstance(step, str):
            into = into.setdefault(step, {})
        elif step < len(into):
            into = into[step]
        else:
            raise ConfigError(f"{at}: the list has {len(into)} tables, numbered from 0; set the whole list to add one")
        if not isinstance(into, dict if isinstance(following, str) else list):
            what = "holds nothing" if isinstance(following, str) else "is not a list"
            raise ConfigError(f"{at}: {step} is a value and {what}; set {step} itself")
    last = steps[-1]
    if isinstance(last, int) and last >= len(into):
        raise ConfigError(f"{at}: the list has {len(into)} items, numbered from 0; set the whole list to add one")
    into[last] = value
    return result


def _steps(key: str, at: str) -> list[str | int]:
    """The keys and places of `a.b[0].c`."""
    steps: list[str | int] = []
    for part in key.split("."):
        match = re.fullmatch(r"([^\[\]]+)((?:\[[0-9]+\])*)", part)
        if match is None:
            raise _malformed(at.removeprefix("--set "))
        steps += [match[1], *map(int, re.findall(r"[0-9]+", match[2]))]
    return steps


def _malformed(setting: str) -> ConfigError:
    return ConfigError(f"--set {setting}: it is not of the form section.key=value; write, say, train.batch_size=32")


def toml(table: Table) -> str:
    """A recipe's tables as a recipe file has them: `read`'s inverse."""
    sections = [_lines({key: value for key, value in table.items() if not isinstance(value, Mapping)})]
    for section, settings in table.items():
        if isinstance(settings, Mapping):
            sections.append(f"[{_key(section)}]\n{_lines(settings)}")
    return "\n\n".join(section.strip("\n") for section in sections if section)


def options_in_use(recipe: Recipe[T], settings: Callable[..., T]) -> list[OptionInUse]:
    """Every key of a recipe, with the value that it has there, its type, its default and what it is for."""
    table = recipe.table
    return [
        *in_table(tasks, table["task"], "task"),
        *in_table(data_sources, table["data"], "data"),
        *in_table(models, table["model"], "model"),
        *in_use(settings, table["train"], "train"),
    ]


def resolve(spec: Spec[Any]) -> dict[str, Any]:
    """The table of a Spec with every default filled in."""
    return {"name": spec.name, **_filled(spec.constructor, spec.options)}


def _filled(constructor: Callable[..., Any], options: Table) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for parameter in inspect.signature(constructor).parameters.values():
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
            value = options.get(parameter.name, parameter.default)
            if value is not parameter.empty and value is not None:
                table[parameter.name] = _plain(value)
    return table


def _plain(value: Any) -> Any:
    if isinstance(value, Spec):
        return resolve(value)
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _copied(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value


def _lines(table: Table) -> str:
    return "\n".join(f"{_key(key)} = {toml_value(value)}" for key, value in table.items())


def _key(name: str) -> str:
    return name if re.fullmatch(r"[\w-]+", name, re.ASCII) else toml_value(name)


def toml_value(value: Any) -> str:
    """A value as a recipe file has it, on one line."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(key)} = {toml_value(item)}" for key, item in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    if isinstance(value, float):
        return repr(value)  # nan and inf too
    # Texts, whole numbers and booleans are written as in JSON, but that TOML allows no character 127.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def value_of(text: str) -> Any:
    """A value as it is written on the command line: TOML where it is that, else the text itself."""
    try:
        parsed = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return parsed["value"] if len(parsed) == 1 else text

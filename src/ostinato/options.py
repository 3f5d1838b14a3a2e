"""Option: what one parameter of a registered constructor is, read from its signature and its docstring.

A constructor says what its options are for in its docstring, one line each (continued with a deeper indent):

    Options:
        hidden: numbers in the state and in each output.
        forget_bias: start value of the forget gate's bias.

A class takes the lines that it leaves out from its base classes. Types, ranges and defaults come from the signature.
"""

import inspect
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from ostinato.registry import Registry, Spec, nested_registry

WORDS: Final = {
    bool: ("true or false",) * 2,
    int: ("integer", "integers"),
    float: ("number", "numbers"),
    str: ("text", "texts"),
    Any: ("any value", "any values"),
}
"""A type and several of it, in words."""
BOUNDS: Final = {"ge": "from", "gt": "above", "le": "to", "lt": "below"}


@dataclass(frozen=True)
class Option:
    """One ordinary parameter. `default` is None for "not set"; `registry` holds the names where the value is a table
    with a name (or, with `is_list`, a list of such tables); `line` says what the option is for."""

    name: str
    type: str
    required: bool
    default: Any
    line: str
    registry: Registry[Any] | None = None
    is_list: bool = False


@dataclass(frozen=True)
class OptionInUse:
    """One key of a recipe: its dotted name, the value that it has there (None: not set), its type, its default and what
    it is for, all in words."""

    key: str
    value: Any
    type: str
    default: str
    line: str


def options_of(constructor: Callable[..., Any]) -> list[Option]:
    """Every ordinary parameter of a constructor, in the order of its signature."""
    function = constructor.__init__ if inspect.isclass(constructor) else constructor  # type: ignore[misc]
    hints, lines = get_type_hints(function, include_extras=True), option_lines(constructor)
    options = []
    for parameter in inspect.signature(constructor).parameters.values():
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
            hint, required = hints.get(parameter.name, Any), parameter.default is parameter.empty
            nested = nested_registry(hint)
            registry, is_list = nested or (None, False)
            default = None if required else parameter.default
            line = lines.get(parameter.name, "")
            options.append(Option(parameter.name, words_for(hint), required, default, line, registry, is_list))
    return options


def option_lines(constructor: Callable[..., Any], *, inherited: bool = True) -> dict[str, str]:
    """What the docstring says of each option, by name; of a class, with `inherited`, those of its base classes too."""
    docstrings = [constructor.__doc__]
    if inherited and inspect.isclass(constructor):
        docstrings = [kind.__dict__.get("__doc__") for kind in reversed(constructor.__mro__)]
    lines: dict[str, str] = {}
    for docstring in docstrings:
        lines |= _parsed(docstring or "")
    return lines


def summary(constructor: Callable[..., Any]) -> str:
    """The first paragraph of a constructor's docstring, as one line."""
    return " ".join(inspect.cleandoc(constructor.__doc__ or "").partition("\n\n")[0].split())


def in_use(constructor: Callable[..., Any], values: Mapping[str, Any], at: str) -> Iterator[OptionInUse]:
    """Every key below the table `at`, which holds `values` with every default filled in (`recipe.check` does so); the
    keys of a nested table stand behind its name."""
    for option in options_of(constructor):
        value, key, default = values.get(option.name), f"{at}.{option.name}", default_words(option)
        if option.registry is None or option.is_list or value is None:
            shown = value if option.registry is None else None
            yield OptionInUse(key, shown, option.type, default, option.line)
        if option.registry is not None and value is not None:
            places = [(f"{key}[{i}]", table) for i, table in enumerate(value)] if option.is_list else [(key, value)]
            for place, table in places:
                yield from in_table(option.registry, table, place, default, option.line)


def in_table(
    registry: Registry[Any], table: Mapping[str, Any], at: str, default: str = "no default", line: str = ""
) -> Iterator[OptionInUse]:
    """The name of a table and every key below it; without a `line`, what its constructor's docstring begins with."""
    constructor = registry[table["name"]].constructor
    kinds = f"{registry.kind}: {', '.join(registry.names())}"
    yield OptionInUse(f"{at}.name", table["name"], kinds, default, line or summary(constructor))
    yield from in_use(constructor, table, at)


def default_words(option: Option) -> str:
    """The default as a reader of a recipe sees it: `default 0.1`, `not set`, `no default`."""
    value = option.default.name if isinstance(option.default, Spec) else option.default
    if option.required:
        return "no default"
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return f"default {str(value).lower()}"
    if isinstance(value, (str, Mapping, list, tuple)):
        return f"default {json.dumps(value)}"
    return f"default {value:g}" if isinstance(value, float) else f"default {value}"


def words_for(hint: Any, *, plural: bool = False) -> str:
    """A type as a reader of a recipe sees it, with its range: `integer from 1 to 64`."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return words_for(arguments[0], plural=plural) + _range(hint.__metadata__)
    if origin is Literal:
        return " or ".join(f'"{each}"' if isinstance(each, str) else str(each) for each in arguments)
    if origin in (Union, UnionType):
        return " or ".join(words_for(each, plural=plural) for each in arguments if each is not NoneType)
    if origin is Spec:
        registry, _ = nested_registry(hint) or (None, False)
        return f"{registry.kind}{'s' * plural}: {', '.join(registry.names())}" if registry else "table"
    if origin in (list, tuple, Sequence):
        return f"list of {words_for(arguments[0], plural=True)}" if arguments else "list"
    if origin is not None and issubclass(origin, Mapping):
        keys = "" if arguments[0] is str else f" for {words_for(arguments[0])}"
        return f"table of {words_for(arguments[1], plural=True)}{keys}"
    one, many = WORDS.get(hint, (str(getattr(hint, "__name__", hint)),) * 2)
    return many if plural else one


def _range(metadata: Sequence[Any]) -> str:
    """The bounds among the constraints of a type: ` from 1 to 64`, ` above 0`, ` from 0 to below 1`."""
    limits: dict[str, int | float] = {}
    for each in metadata:
        for constraint in getattr(each, "metadata", [each]):
            limits |= {name: getattr(constraint, name) for name in BOUNDS if hasattr(constraint, name)}
    words = [f" {BOUNDS[name]} {_number(limits[name])}" for name in BOUNDS if name in limits]
    return " to".join(words) if "lt" in limits else "".join(words)


def _number(value: int | float) -> str:
    power = math.log2(value) if value > 0 else 0.0
    return f"2^{power:.0f}" if power >= 32 and power.is_integer() else f"{value:,g}" if value < 1e5 else f"{value:,.0f}"


def _parsed(docstring: str) -> dict[str, str]:
    """The lines of the `Options:` block; it ends with the docstring or at an empty line."""
    lines: dict[str, str] = {}
    inside, name = False, ""
    for line in inspect.cleandoc(docstring).splitlines():
        if not inside or not line.strip():
            inside = line == "Options:"
        elif match := re.fullmatch(r" {4}(\w+): (.+)", line):
            name = match[1]
            lines[name] = match[2]
        elif name and line.startswith(" " * 8):
            lines[name] += " " + line.strip()
    return lines

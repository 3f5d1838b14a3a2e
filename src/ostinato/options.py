"""Option: what one parameter of a registered constructor is, read from its signature and its docstring.

A constructor says what its options are for in its docstring, one line each (continued with a deeper indent):

    Options:
        hidden: numbers in the state and in each output.
        forget_bias: start value of the forget gate's bias.

A class takes the lines that it leaves out from its base classes. Types, ranges and defaults come from the signature.
"""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from ostinato.registry import Registry, Spec, nested_registry

WORDS: Final = {bool: "true or false", int: "integer", float: "number", str: "text", Any: "any value"}


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
    """An option at its place in a recipe: the dotted key, the value that it has there (None: not set), and what it
    is."""

    key: str
    value: Any
    option: Option


def options_of(constructor: Callable[..., Any]) -> list[Option]:
    """Every ordinary parameter of a constructor, in the order of its signature."""
    function = constructor.__init__ if inspect.isclass(constructor) else constructor  # type: ignore[misc]
    hints, lines = get_type_hints(function, include_extras=True), option_lines(constructor)
    found = []
    for parameter in inspect.signature(constructor).parameters.values():
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
            hint, required = hints.get(parameter.name, Any), parameter.default is parameter.empty
            nested = nested_registry(hint)
            registry, is_list = nested or (None, False)
            default = None if required else parameter.default
            line = lines.get(parameter.name, "")
            found.append(Option(parameter.name, words_for(hint), required, default, line, registry, is_list))
    return found


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
    """Every option below the table `at` (a table as `recipe.check` fills it in), those of nested tables after the one
    that holds them."""
    for option in options_of(constructor):
        value, key = values.get(option.name), f"{at}.{option.name}"
        yield OptionInUse(key, value, option)
        if option.registry is not None and value is not None:
            places = [(f"{key}[{i}]", table) for i, table in enumerate(value)] if option.is_list else [(key, value)]
            for place, table in places:
                yield from in_use(option.registry[table["name"]].constructor, table, place)


def words_for(hint: Any) -> str:
    """A type as a reader of a recipe sees it, with its range: `integer from 1 to 64`."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return words_for(arguments[0]) + _range(hint.__metadata__)
    if origin is Literal:
        return " or ".join(f'"{each}"' if isinstance(each, str) else str(each) for each in arguments)
    if origin in (Union, UnionType):
        return " or ".join(words_for(each) for each in arguments if each is not NoneType)
    if origin is Spec:
        registry, _ = nested_registry(hint) or (None, False)
        return f"{registry.kind}: {', '.join(registry.names())}" if registry else "table"
    if origin in (list, tuple, Sequence):
        return f"list of {words_for(arguments[0])}" if arguments else "list"
    if origin is not None and issubclass(origin, Mapping):
        return f"table of {words_for(arguments[1])} by {words_for(arguments[0])}"
    return WORDS.get(hint, getattr(hint, "__name__", str(hint)))


def _range(metadata: Sequence[Any]) -> str:
    """The bounds among the constraints of a type: ` from 1 to 64`, ` above 0`."""
    limits: dict[str, Any] = {}
    for each in metadata:
        for constraint in getattr(each, "metadata", [each]):
            limits |= {name: getattr(constraint, name) for name in ("ge", "gt", "le", "lt") if hasattr(constraint, name)}
    words = [
        f" {word} {limits[name]:,}" for name, word in (("ge", "from"), ("gt", "above"), ("le", "to"), ("lt", "below"))
        if name in limits
    ]  # fmt: skip
    return (" and" if len(words) > 1 and "lt" in limits else "").join(words)


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

"""Names for constructors: a table becomes a call.

A table with a `name` is a call of what is registered under that name. The signature is the schema: **ordinary
parameters are what a table may say; keyword-only parameters are wiring** that the caller supplies (sizes learnt
from data, other objects). A nested table is a `Spec`: checked with the rest, called later by the parent that knows
its wiring.
"""

import difflib
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import entry_points
from types import NoneType, UnionType
from typing import Annotated, Any, Generic, TypeAlias, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from ostinato.errors import ConfigError

T = TypeVar("T")
N = TypeVar("N", bound=Callable[..., Any])

Table: TypeAlias = Mapping[str, Any]

# The limits of what a recipe may ask for; the model's size is checked as a whole before it is allocated.
Count: TypeAlias = Annotated[int, Field(ge=1)]
Layers: TypeAlias = Annotated[int, Field(ge=1, le=64)]
Hidden: TypeAlias = Annotated[int, Field(ge=1, le=65_536)]
Vocabulary: TypeAlias = Annotated[int, Field(ge=3, le=2_000_000)]
Share: TypeAlias = Annotated[float, Field(ge=0.0, lt=1.0)]
Positive: TypeAlias = Annotated[float, Field(gt=0.0)]
NotNegative: TypeAlias = Annotated[float, Field(ge=0.0)]

_registries: dict[type, "Registry[Any]"] = {}


@dataclass(frozen=True)
class Spec(Generic[T]):
    """A table that was checked and not yet called."""

    name: str
    options: Mapping[str, Any]
    constructor: Callable[..., T]
    at: str = ""

    def build(self, **wiring: Any) -> T:
        """The call. Wiring that the constructor does not ask for is left out, so that kinds may need unlike things."""
        asked = {p.name for p in inspect.signature(self.constructor).parameters.values() if p.kind is p.KEYWORD_ONLY}
        return self.constructor(**self.options, **{key: value for key, value in wiring.items() if key in asked})


@dataclass(frozen=True)
class Entry(Generic[T]):
    """What is registered under one name, a small table (without the name) that makes one to look at, and the options
    that once had other names (old → new)."""

    constructor: Callable[..., T]
    example: Table = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)


class Registry(Generic[T]):
    """Every constructor of one noun, by name.

    `kind` is the noun in messages, `package` the module, or the folder whose modules (and those below it), register
    themselves when first asked for; installed packages add theirs through the entry point group `ostinato.<kind>s`
    (`ostinato.searches`).
    `renamed` has the names that are no longer used (old → new), so that a recipe with one is told the new one.
    """

    def __init__(self, noun: Any, kind: str, package: str, renamed: Mapping[str, str] | None = None):
        self.noun, self.kind, self.package, self.renamed = noun, kind, package, dict(renamed or {})
        self._entries: dict[str, Entry[T]] = {}
        self._loaded = False
        _registries[noun] = self

    def register(
        self, name: str, example: Table | None = None, renamed: Mapping[str, str] | None = None
    ) -> Callable[[N], N]:
        """Decorate a constructor; `example` is the table that the conformance laws and the documentation build, and
        `renamed` says which options once had other names (old → new). Raises ConfigError for a name that is taken."""

        def add(constructor: N) -> N:
            known = self._entries.get(name)
            if known is not None and _home(known.constructor) != _home(constructor):  # a reload is no clash
                raise ConfigError(f"{self.kind} '{name}' is registered twice; give one of them another name")
            self._entries[name] = Entry(constructor, dict(example or {}), dict(renamed or {}))
            return constructor

        return add

    def names(self) -> list[str]:
        """Every name, sorted."""
        self._load()
        return sorted(self._entries)

    def __iter__(self) -> Iterator[tuple[str, Entry[T]]]:
        for name in self.names():
            yield name, self._entries[name]

    def __getitem__(self, name: str) -> Entry[T]:
        self._load()
        if name not in self._entries:
            raise ConfigError(self._unknown(name, self.kind))
        return self._entries[name]

    def example(self, name: str) -> dict[str, Any]:
        """A complete small table for `name`."""
        return {"name": name, **self[name].example}

    def spec(self, table: Any, at: str = "") -> Spec[T]:
        """Check a table. Raises ConfigError naming every problem of it and of what is nested in it."""
        spec, problems = self.check(table, at or self.kind)
        if spec is None or problems:
            raise ConfigError(problems)
        return spec

    def build(self, table: Any, at: str = "", **wiring: Any) -> T:
        """Check a table and call it."""
        return self.spec(table, at).build(**wiring)

    def check(self, table: Any, at: str) -> tuple[Spec[T] | None, list[str]]:
        """The Spec, if there is one to be had, and every problem as one sentence each."""
        self._load()
        if not isinstance(table, Mapping):
            return None, [f'{at}: a {self.kind} is a table with a name, not {table!r}; write {{ name = "…" }}']
        if "name" not in table:
            return None, [f"{at}: it has no name; say one of {', '.join(self._entries)}"]
        name = table["name"]
        if not isinstance(name, str) or name not in self._entries:
            return None, [self._unknown(name, at)]
        entry = self._entries[name]
        constructor, values = entry.constructor, {k: v for k, v in table.items() if k != "name"}
        options, problems = check_call(constructor, values, at, name, entry.renamed)
        return Spec(name, options, constructor, at), problems

    def _unknown(self, name: object, at: str) -> str:
        if str(name) in self.renamed:
            return f"{at}: the {self.kind} '{name}' is now '{self.renamed[str(name)]}'; write that"
        return f"{at}: there is no {self.kind} '{name}'; {nearest(str(name), list(self._entries))}"

    def _load(self) -> None:
        if self._loaded:
            return
        self._loaded = True  # first, so that a module which looks a name up while it loads does not start over
        package = importlib.import_module(self.package)
        for module in pkgutil.walk_packages(getattr(package, "__path__", []), f"{self.package}."):
            importlib.import_module(module.name)
        plural = self.kind + ("es" if self.kind.endswith("ch") else "s")
        for entry_point in entry_points(group=f"ostinato.{plural}"):
            try:
                entry_point.load()
            except Exception as error:  # a stranger's module may fail in any way
                self._loaded = False
                package_name = entry_point.dist.name if entry_point.dist else "a package"
                raise ConfigError(
                    f"{self.kind} '{entry_point.name}': {package_name} adds it and cannot be imported "
                    f"({type(error).__name__}: {error}); repair or uninstall that package"
                ) from error


def _home(constructor: Callable[..., Any]) -> tuple[str, str]:
    return constructor.__module__, constructor.__qualname__


def nearest(word: str, choices: list[str]) -> str:
    """The end of a sentence that helps: the nearest right word, or all of them."""
    close = difflib.get_close_matches(word, choices, n=1, cutoff=0.6)
    return f"did you mean '{close[0]}'?" if close else f"choose from {', '.join(choices) or 'nothing: there is none'}"


def check_call(
    constructor: Callable[..., Any], table: Table, at: str, name: str, renamed: Mapping[str, str] | None = None
) -> tuple[dict[str, Any], list[str]]:
    """`table` as the ordinary arguments of a call, nested tables turned into Specs, and every problem found.

    An option of an old name (`renamed`: old → new) is a problem whose sentence gives the new name.
    """
    schema, nested = _schema(constructor)
    problems: list[str] = []
    for key in table:
        if key not in schema.model_fields and key not in nested:
            known = [*schema.model_fields, *nested]
            if renamed and key in renamed:
                problems.append(f"{at}.{key}: it is now {at}.{renamed[key]}; write that")
            else:
                problems.append(f"{at}.{key}: {name} has no such option; {nearest(key, known)}")
    options: dict[str, Any] = {}
    for key, (registry, is_list, required) in nested.items():
        if key not in table:
            if required:
                problems.append(f'{at}.{key}: {name} needs it; write {key} = {{ name = "…" }}')
            continue
        value = table[key]
        if is_list:
            if not isinstance(value, list):
                problems.append(f'{at}.{key}: it is a list of tables, not {value!r}; write [{{ name = "…" }}]')
                continue
            checked = [registry.check(item, f"{at}.{key}[{i}]") for i, item in enumerate(value)]
            options[key] = [spec for spec, _ in checked]
            problems += [problem for _, more in checked for problem in more]
        else:
            options[key], more = registry.check(value, f"{at}.{key}")
            problems += more
    try:
        plain = schema(**{key: value for key, value in table.items() if key in schema.model_fields})
        options |= {key: getattr(plain, key) for key in table if key in schema.model_fields}
    except ValidationError as error:
        for fault in error.errors():
            path = ".".join(str(part) for part in fault["loc"] if not str(part).startswith(("constrained", "function")))
            if fault["type"] == "missing":
                problems.append(f"{at}.{path}: {name} needs it; add {path} = …")
            else:
                reason = fault["msg"][0].lower() + fault["msg"][1:]
                problems.append(f"{at}.{path}: {fault['input']!r} does not fit: {reason}")
    return options, problems


@cache
def _schema(constructor: Callable[..., Any]) -> tuple[type[BaseModel], dict[str, tuple[Registry[Any], bool, bool]]]:
    """The pydantic model of the ordinary parameters, and the nested tables among them."""
    function = constructor.__init__ if inspect.isclass(constructor) else constructor  # type: ignore[misc]
    hints = get_type_hints(function, include_extras=True)
    fields: dict[str, Any] = {}
    nested: dict[str, tuple[Registry[Any], bool, bool]] = {}
    for parameter in inspect.signature(constructor).parameters.values():
        if parameter.kind is not parameter.POSITIONAL_OR_KEYWORD:
            continue
        hint = hints.get(parameter.name, Any)
        required = parameter.default is parameter.empty
        registry = nested_registry(hint)
        if registry is not None:
            nested[parameter.name] = (*registry, required)
        else:
            fields[parameter.name] = (hint, ... if required else parameter.default)
    config = ConfigDict(
        extra="forbid", strict=True, allow_inf_nan=False, arbitrary_types_allowed=True, protected_namespaces=()
    )
    return create_model(constructor.__name__, __config__=config, **fields), nested


def nested_registry(hint: Any) -> tuple[Registry[Any], bool] | None:
    """The registry of a `Spec[noun]`, `Spec[noun] | None` or `list[Spec[noun]]`, and whether it is a list; None for any
    other hint."""
    origin = get_origin(hint)
    if origin is Spec:
        return _registry_of(get_args(hint)[0]), False
    if origin is list:
        inner = nested_registry(get_args(hint)[0])
        return (inner[0], True) if inner else None
    if origin in (Union, UnionType):
        arguments = (argument for argument in get_args(hint) if argument is not NoneType)
        return next((registry for argument in arguments if (registry := nested_registry(argument))), None)
    return None


def registries() -> list[Registry[Any]]:
    """Every registry of the modules that are imported so far."""
    return list(_registries.values())


def _registry_of(noun: type) -> Registry[Any]:
    if noun not in _registries:
        raise TypeError(f"no registry holds {noun.__name__}; define one before naming it in a signature")
    return _registries[noun]

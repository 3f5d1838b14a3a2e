"""Writes what of the documentation is made from the code: `make docs`.

docs/options.md   every table that a recipe may hold, from signatures and the `Options:` of docstrings (committed)
docs/api/*.md     one page a package: its public names, their signatures and docstrings (not committed)
"""

import importlib
import inspect
import pkgutil
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import ostinato
from ostinato.compare.comparison import Sweep, Terms
from ostinato.data import data_sources
from ostinato.models import models
from ostinato.options import Option, default_words, options_of, summary
from ostinato.registry import Registry
from ostinato.tasks import tasks
from ostinato.training import Settings

DOCS = Path(__file__).parent
OPTIONS_HEAD = """\
# Options of a recipe

Written by `make docs` from signatures and docstrings; do not edit it. `ostinato train RECIPE --options` prints those of
one recipe with the values that they have there. A key is changed with `--set section.key=value`; a table with a name is
written `{ name = "lstm", hidden = 256 }`, and a key of it is reached with a dot (`model.cell.hidden`), one of the first
table of a list with `[0]` (`model.body[0].cell.hidden`).
"""


def options_page() -> str:
    """docs/options.md: the four tables of a recipe, those of a comparison, and all that may be nested in them."""
    parts = [OPTIONS_HEAD]
    for title, constructor in (("[train]", Settings), ("[compare]", Terms), ("[sweep]", Sweep)):
        parts += [f"## {title}\n", f"{summary(constructor)}\n", *_table(constructor)]
    for registry in _reachable([tasks, data_sources, models], [Settings, Terms]):
        parts.append(f"## {registry.kind}\n")
        for name, entry in registry:
            parts += [f"### {registry.kind} `{name}`\n", f"{summary(entry.constructor)}\n", *_table(entry.constructor)]
    return "\n".join(parts).rstrip() + "\n"


def api_pages() -> dict[str, str]:
    """The pages of docs/api by file name: one a module that promises names in `__all__`, and an index."""
    modules = [importlib.import_module(name) for name in _modules()]
    public = [module for module in modules if getattr(module, "__all__", None)]
    index = [f"- [{module.__name__}]({module.__name__}.md): {_first(module)}" for module in public]
    pages = {"index.md": "# API reference\n\nWritten by `make docs` from the docstrings.\n\n" + "\n".join(index) + "\n"}
    for module in public:
        parts = [f"# {module.__name__}\n", inspect.getdoc(module) or "", ""]
        for name in module.__all__:
            parts += [f"## {name}\n", *_described(name, getattr(module, name))]
        pages[f"{module.__name__}.md"] = "\n".join(parts).rstrip() + "\n"
    return pages


def _table(constructor: Callable[..., Any]) -> list[str]:
    rows = options_of(constructor)
    if not rows:
        return ["It has no options.\n"]
    cells = [(f"`{o.name}`", _type(o), default_words(o).removeprefix("default "), o.line) for o in rows]
    lines = [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in cells]
    return ["| option | type | default | what it is |", "| --- | --- | --- | --- |", *lines, ""]


def _type(option: Option) -> str:
    kind, _, _ = option.type.partition(":")
    return option.type if option.registry is None else f"[{kind}](#{option.registry.kind})"


def _reachable(roots: list[Registry[Any]], settings: list[Callable[..., Any]]) -> list[Registry[Any]]:
    """The registries that a recipe's tables lead to, in the order in which they are met."""
    order = list(roots)
    order += [option.registry for each in settings for option in options_of(each) if option.registry is not None]
    for registry in order:  # grows while it is gone through
        for _, entry in registry:
            for option in options_of(entry.constructor):
                if option.registry is not None and option.registry not in order:
                    order.append(option.registry)
    return order


def _modules() -> Iterator[str]:
    yield "ostinato"
    for module in pkgutil.walk_packages(ostinato.__path__, "ostinato."):
        if not module.name.rpartition(".")[2].startswith("_"):
            yield module.name


def _described(name: str, thing: Any) -> list[str]:
    lines = []
    if callable(thing):
        lines += ["```python", f"{name}{_signature(thing)}", "```", ""]
    if inspect.isclass(thing) or inspect.isroutine(thing):
        lines += [inspect.getdoc(thing) or "", ""]
    else:
        lines += [f"`{type(thing).__name__}`", ""]
    if inspect.isclass(thing):
        for method, value in vars(thing).items():
            function = value.__func__ if isinstance(value, (classmethod, staticmethod)) else value
            if not method.startswith("_") and inspect.isfunction(function):
                lines += [
                    f"**{method}**`{_signature(function)}`  ",
                    f"{inspect.getdoc(getattr(thing, method)) or ''}",
                    "",
                ]
            elif not method.startswith("_") and isinstance(value, property):
                lines += [f"**{method}** (property)  ", inspect.getdoc(value) or "", ""]
    return lines


def _signature(thing: Callable[..., Any]) -> str:
    try:
        return re.sub(r" at 0x[0-9a-f]+", "", str(inspect.signature(thing)))
    except (ValueError, TypeError):
        return "(…)"


def _first(module: ModuleType) -> str:
    return (inspect.getdoc(module) or "").partition("\n\n")[0].replace("\n", " ")


def main() -> None:
    """Write both."""
    (DOCS / "options.md").write_text(options_page(), "utf-8")
    (DOCS / "api").mkdir(exist_ok=True)
    for name, text in api_pages().items():
        (DOCS / "api" / name).write_text(text, "utf-8")
    print(f"written: {DOCS / 'options.md'}, {DOCS / 'api'}", file=sys.stderr)


if __name__ == "__main__":
    main()

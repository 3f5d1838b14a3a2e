"""BundleCard: what a bundle says of itself: in one line, on its model card, and in a notebook."""

import json
from collections.abc import Mapping
from html import escape
from typing import Any

from ostinato.version import __version__


def one_line(recipe: Mapping[str, Any], parameters: int) -> str:
    """`Bundle(language task, language(cell=lstm(hidden=256)), 362,409 parameters)`."""
    return f"Bundle({recipe['task']['name']} task, {as_call(recipe['model'])}, {parameters:,} parameters)"


def model_card(recipe: Mapping[str, Any], model: str, parameters: int) -> str:
    """The README.md of a bundle, with the metadata that the Hugging Face hub reads."""
    return (
        f"---\nlibrary_name: ostinato\ntags: [{recipe['task']['name']}]\n---\n\n# {model}\n\n"
        f"{parameters:,} parameters, trained with Ostinato {__version__}.\n\n"
        '```python\nimport ostinato\n\nbundle = ostinato.load("this folder")\n```\n\n'
        f"## Recipe\n\n```json\n{json.dumps(recipe, indent=2)}\n```\n"
    )


def as_html(recipe: Mapping[str, Any], model: str, parameters: int) -> str:
    """A table for a notebook, with the recipe folded away."""
    rows = {
        "task": as_call(recipe["task"]),
        "model": f"{as_call(recipe['model'])} ({model})",
        "data": as_call(recipe["data"]),
        "parameters": f"{parameters:,}",
    }
    body = "".join(f"<tr><th>{name}</th><td>{escape(value)}</td></tr>" for name, value in rows.items())
    details = f"<details><summary>recipe</summary><pre>{escape(json.dumps(recipe, indent=2))}</pre></details>"
    return f"<table><caption>Ostinato bundle</caption>{body}</table>{details}"


def as_call(table: Any) -> str:
    """A table with a name as a call: `lstm(hidden=256, forget_bias=1.0)`."""
    if isinstance(table, Mapping) and "name" in table:
        options = ", ".join(f"{key}={as_call(value)}" for key, value in table.items() if key != "name")
        return f"{table['name']}({options})"
    return f"[{', '.join(map(as_call, table))}]" if isinstance(table, list) else repr(table)

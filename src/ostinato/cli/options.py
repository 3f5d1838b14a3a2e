"""train --options: every key of a recipe, as a person or a program reads it."""

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ostinato.options import OptionInUse


def as_lines(options: "list[OptionInUse]") -> str:
    """Two lines a key: its value, type and default, and what it is for."""
    from ostinato.recipe import toml_value

    parts = []
    for option in options:
        value = "" if option.value is None else f" = {toml_value(option.value)}"
        parts.append(f"{option.key}{value}  ({option.type}; {option.default})\n    {option.line}")
    return "\n".join(parts)


def as_json(options: "list[OptionInUse]") -> str:
    """One object with a list of keys."""
    keys = [{"key": o.key, "value": o.value, "type": o.type, "default": o.default, "purpose": o.line} for o in options]
    return json.dumps({"options": keys}, indent=2, ensure_ascii=False)

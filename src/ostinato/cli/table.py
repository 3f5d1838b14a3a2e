"""What a person reads: columns that line up, plain where no terminal is."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any


def aligned(header: Sequence[str], rows: Sequence[Sequence[str]], words: Collection[int] = (0,)) -> str:
    """Columns of `words` to the left, the others, numbers, to the right."""
    lines = [list(header), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column in words else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths))
        ).rstrip()
        for line in lines
    )


def toml(recipe: Mapping[str, Mapping[str, Any]]) -> str:
    """A recipe's tables as a recipe file has them."""
    sections = []
    for section, table in recipe.items():
        sections.append("\n".join([f"[{section}]", *(f"{key} = {_inline(value)}" for key, value in table.items())]))
    return "\n\n".join(sections)


def _inline(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_inline(item)}" for key, item in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_inline, value)) + "]"
    return json.dumps(value, ensure_ascii=False)  # strings, numbers and booleans are written alike

"""recipes: what comes with the package and can be trained or compared by name."""

import json
from typing import Annotated

import typer

from ostinato.recipe_catalog import shipped


def recipes(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
) -> None:
    """List the recipes of the package: what each is for, the data it reads, and about how long it takes.

    Train one with `ostinato train NAME`, run a comparison with `ostinato compare NAME`.
    """
    if as_json:
        listed = [
            {"name": r.name, "command": r.command, "purpose": r.purpose, "data": r.data, "time": r.time}
            for r in shipped()
        ]
        print(json.dumps({"recipes": listed}, indent=2, ensure_ascii=False))
        return
    for number, recipe in enumerate(shipped()):
        blank = "\n" if number else ""
        print(f"{blank}{recipe.command}\n  {recipe.purpose}\n  data: {recipe.data}\n  time: {recipe.time}")

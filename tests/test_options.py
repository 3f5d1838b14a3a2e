"""Options: every key of a recipe is told with its type, its default and what it is for, from one source."""

import importlib
import pkgutil
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

import ostinato
from ostinato.options import option_lines, options_of, words_for
from ostinato.registry import Count, Share, registries

LINE_CHARACTERS = 200


def constructors() -> dict[str, Any]:
    """Everything that a recipe, a comparison or another table with a name may call."""
    for module in pkgutil.walk_packages(ostinato.__path__, "ostinato."):
        if not module.name.rpartition(".")[2].startswith("_") and not module.name.startswith("ostinato.testing"):
            importlib.import_module(module.name)
    from ostinato.compare.comparison import Sweep, Terms
    from ostinato.training import Settings

    registered = {
        f"{registry.kind} {name}": entry.constructor
        for registry in registries()
        for name, entry in registry
        if entry.constructor.__module__.startswith("ostinato.")
    }
    return registered | {"[train]": Settings, "[compare]": Terms, "[sweep]": Sweep}


CONSTRUCTORS = constructors()


@pytest.mark.parametrize("name", CONSTRUCTORS)
def test_each_option_has_one_line_and_each_line_an_option(name):
    options = options_of(CONSTRUCTORS[name])
    assert [option.name for option in options if not option.line] == [], "give it a line under Options:"
    unknown = option_lines(CONSTRUCTORS[name], inherited=False).keys() - {option.name for option in options}
    assert not unknown, "no such parameter"
    for option in options:
        assert option.line.endswith("."), option.line
        assert len(option.line) <= LINE_CHARACTERS, option.line


def test_there_are_options_to_check():
    assert sum(len(options_of(constructor)) for constructor in CONSTRUCTORS.values()) > 100


class Base:
    """A thing.

    Options:
        size: how large it is, and
            how heavy.
        old: not there in Child.
    """


class Child(Base):
    """A smaller thing.

    Options:
        colour: what it looks like: any.

    After the options.
        not: an option.
    """

    def __init__(self, colour: Literal["red", "blue"], size: Count = 3, share: Share = 0.5, *, owner: str):
        pass


def test_lines_come_from_the_docstrings_of_a_class_and_of_its_bases():
    colour, size, share = options_of(Child)
    assert (colour.line, size.line, share.line) == (
        "what it looks like: any.",
        "how large it is, and how heavy.",
        "",
    )
    assert (colour.type, size.type, share.type) == (
        '"red" or "blue"',
        "integer from 1",
        "number from 0 to below 1",
    )
    assert colour.required
    assert (size.required, size.default) == (False, 3)
    assert option_lines(Child, inherited=False).keys() == {"colour"}


@pytest.mark.parametrize(
    ("hint", "words"),
    [
        (list[str], "list of texts"),
        (int | None, "integer"),
        (str | Share, "text or number from 0 to below 1"),
        (Annotated[int, Field(ge=1, le=65536)], "integer from 1 to 65,536"),
        (Annotated[int, Field(ge=0, lt=2**63)], "integer from 0 to below 2^63"),
        (Mapping[str, float], "table of numbers"),
        (bool, "true or false"),
    ],
)
def test_types_in_words(hint, words):
    assert words_for(hint) == words


@pytest.mark.parametrize("name", ["char-rnn", "order"])
def test_every_key_of_a_recipe_can_be_set_and_has_its_value(name):
    from ostinato.recipe import load, options_in_use, with_value
    from ostinato.training import Settings

    recipe = load(name, (), Settings)
    rows = options_in_use(recipe, Settings)
    assert {row.key for row in rows} >= {"task.name", "data.seed" if name == "order" else "data.valid", "train.seed"}
    assert ("model.body[0].cell.hidden" if name == "order" else "model.cell.hidden") in {row.key for row in rows}
    assert len({row.key for row in rows}) == len(rows)
    for row in rows:
        assert row.line
        if row.value is not None:
            assert with_value(recipe.table, row.key, row.value, row.key) == recipe.table

"""The recipes of the package, by name."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ostinato.cli.recipes import recipes
from ostinato.errors import ConfigError
from ostinato.recipe_catalog import recipe_path, shipped

RECIPES = shipped()


def refusal(name: str, verb: str = "train") -> str:
    with pytest.raises(ConfigError) as refused:
        recipe_path(name, verb)
    return str(refused.value)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: f"{recipe.verb} {recipe.name}")
def test_each_says_what_it_is_for_what_it_reads_and_how_long_it_takes(recipe):
    assert recipe.purpose.endswith(".")
    assert recipe.data
    assert recipe.time
    assert recipe.name not in ("", "recipe")
    assert recipe_path(recipe.name, recipe.verb) == recipe.path
    assert recipe.command == f"ostinato {recipe.verb} {recipe.name}"


def test_a_slash_or_toml_makes_it_a_file():
    for given in ("own/char-rnn", "char-rnn.toml", Path("char-rnn")):
        assert recipe_path(given) == Path(given)


@pytest.mark.parametrize(
    ("name", "verb", "words"),
    [
        ("char-rn", "train", "there is no such recipe; did you mean 'char-rnn'?"),
        ("recal", "compare", "there is no such comparison; did you mean 'recall'?"),
        ("recall", "train", "it is a comparison; type: ostinato compare recall"),
        ("char-rnn", "compare", "it is a recipe; type: ostinato train char-rnn"),
        ("zzz", "train", "choose from char-rnn, order, "),
        ("novel.txt", "train", "type: ostinato train char-rnn --set data.text=novel.txt"),
    ],
)
def test_a_name_that_is_not_there_is_answered_with_what_to_type(name, verb, words):
    assert words in refusal(name, verb)


def test_a_text_in_this_folder_is_not_a_recipe(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("novel").write_text("Once upon a time")
    assert "ostinato train char-rnn --set data.text=novel" in refusal("novel")
    Path("texts").mkdir()
    assert "it is a folder" in refusal("texts")


def test_the_list_needs_no_torch_and_has_every_recipe(capsys):
    recipes(as_json=True)
    listed = json.loads(capsys.readouterr().out)["recipes"]
    assert [(each["command"], each["data"]) for each in listed] == [(each.command, each.data) for each in RECIPES]
    recipes(as_json=False)
    text = capsys.readouterr().out
    assert all(recipe.command in text and recipe.purpose in text for recipe in RECIPES)
    code = "import sys; import ostinato.recipe_catalog as c; c.shipped(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

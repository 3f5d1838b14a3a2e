"""A recipe: read, overridden, checked as a whole, resolved."""

import json
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostinato import recipe
from ostinato.errors import ConfigError
from ostinato.registry import Count, Positive

GOOD = """
[task]
name = "language"
bptt_steps = 16

[data]
name = "text"
text = "some.txt"

[model]
name = "language"
cell = { name = "lstm", hidden = 8 }

[train]
batch_size = 4
"""


class Settings:
    """What training may be told here."""

    def __init__(self, batch_size: Count = 32, rate: Positive = 0.5, until: Count | None = None):
        if batch_size == 13:
            raise ConfigError(["train.batch_size: 13 is unlucky; take 12", "train.rate: so is this; take 1"])
        self.batch_size, self.rate, self.until = batch_size, rate, until


@pytest.fixture
def path(tmp_path):
    found = tmp_path / "good.toml"
    found.write_text(GOOD)
    return found


def refused(path, *overrides) -> list[str]:
    with pytest.raises(ConfigError) as error:
        recipe.load(path, overrides, Settings)
    return list(error.value.problems)


def test_signature_then_file_then_override(path):
    loaded = recipe.load(path, ["train.rate=0.25", "model.cell.hidden=16", "model.tied=true"], Settings)
    assert (loaded.train.batch_size, loaded.train.rate, loaded.train.until) == (4, 0.25, None)
    assert loaded.table["train"] == {"batch_size": 4, "rate": 0.25}
    assert loaded.table["task"]["bptt_steps"] == 16
    model = loaded.model.build(size=7, eos=0)
    assert model.body.layers[0].cell.hidden == 16
    assert model.tied


def test_the_resolved_table_says_every_default_and_comes_to_itself(path):
    table = recipe.load(path, [], Settings).table
    assert table["model"]["cell"] == {"name": "lstm", "hidden": 8, "forget_bias": 1.0}
    assert table["model"]["layers"] == 1
    assert json.loads(json.dumps(table)) == table
    assert recipe.check(table, Settings, "again").table == table


def test_every_problem_of_every_table_is_told_at_once(path):
    path.write_text(
        '[task]\nname = "langage"\n[model]\nname = "language"\ncell = { name = "lstm", hiden = 8 }\nlayers = "two"\n'
        '[train]\nbatch_size = 0\nrat = 1\n[trian]\n[data]\nname = "text"\ntext = 5\n'
    )
    found = refused(path)
    assert all(problem.startswith(f"{path}: ") for problem in found)
    places = [problem.removeprefix(f"{path}: ").split(":")[0] for problem in found]
    assert sorted(places) == sorted(
        [
            "task", "model.cell.hiden", "model.cell.hidden", "model.layers", "train.batch_size", "train.rat", "trian",
            "data.text",
        ]
    )  # fmt: skip
    said = "\n".join(found)
    for hint in ("did you mean 'language'?", "did you mean 'hidden'?", "did you mean 'train'?", "did you mean 'rate'?"):
        assert hint in said


def test_what_settings_refuse_is_told_with_its_place(path):
    assert refused(path, "train.batch_size=13") == [
        f"{path}: train.batch_size: 13 is unlucky; take 12", f"{path}: train.rate: so is this; take 1",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[task]\nname = 'language'", "the recipe has no [data] table; add one"),
        ("task = 3\ndata = 3\nmodel = 3\ntrain = 3", "train: it is a table of settings"),
        ("[task\n", "it is not TOML"),
        (b"\xff\xfe", "it cannot be read"),
    ],
)
def test_files_that_are_no_recipe(path, text, says):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert says in "\n".join(refused(path))


def test_a_file_that_is_not_there_names_the_nearest(path, tmp_path):
    assert "did you mean 'good.toml'?" in refused(tmp_path / "god.toml")[0]
    assert "it is a directory" in refused(tmp_path)[0]
    assert "there is no such recipe" in refused(tmp_path / "no" / "such.toml")[0]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("a.b=3", 3),
        ("a.b = 3", 3),
        ("a.b=0.5", 0.5),
        ("a.b=1e-3", 0.001),
        ("a.b=true", True),
        ("a.b=lstm", "lstm"),
        ("a.b='3'", "3"),
        ("a.b=x=y", "x=y"),
        ("a.b=[1, 2]", [1, 2]),
        ('a.b={ name = "lstm" }', {"name": "lstm"}),
        ("a.b=", ""),
        ("a.b=some/path.txt", "some/path.txt"),
        ("a.b=1\nc = 2", "1\nc = 2"),
        ("a.b=2026-01", "2026-01"),
    ],
)
def test_set_takes_toml_or_a_text(setting, value):
    assert recipe.override({"a": {"z": 1}}, [setting]) == {"a": {"z": 1, "b": value}}


@pytest.mark.parametrize("setting", ["a.b", "=3", "a..b=3", ".a=3", "a.=3", ""])
def test_set_refuses_what_names_nothing(setting):
    with pytest.raises(ConfigError, match="not of the form"):
        recipe.override({}, [setting])


def test_set_does_not_reach_into_a_value_and_leaves_its_table_alone():
    with pytest.raises(ConfigError, match="a is a value"):
        recipe.override({"a": 3}, ["a.b=1"])
    table = {"a": {"b": {"c": 1}}}
    assert recipe.override(table, ["a.b.c=2", "a.b.d=3", "a.b.c=4"]) == {"a": {"b": {"c": 4, "d": 3}}}
    assert table == {"a": {"b": {"c": 1}}}


def test_set_reaches_into_a_list_of_tables():
    table = {"model": {"body": [{"name": "recurrent", "cell": {"hidden": 4}}, {"name": "dropout"}]}}
    changed = recipe.override(table, ["model.body[0].cell.hidden=8", "model.body[1]=x"])
    assert changed == {"model": {"body": [{"name": "recurrent", "cell": {"hidden": 8}}, "x"]}}
    assert table["model"]["body"][0]["cell"]["hidden"] == 4
    with pytest.raises(ConfigError, match="the list has 2"):
        recipe.override(table, ["model.body[2].p=0.5"])
    with pytest.raises(ConfigError, match="the list has 2"):
        recipe.override(table, ["model.body[2]=0.5"])
    with pytest.raises(ConfigError, match="model is a value and is not a list"):
        recipe.override(table, ["model[0].p=0.5"])
    with pytest.raises(ConfigError, match="not of the form"):
        recipe.override(table, ["model.body[x].p=0.5"])


_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
_values = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | _texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(_texts, _values, max_size=4))
def test_a_table_written_as_toml_is_read_as_it_was(table):
    assert tomllib.loads(recipe.toml(table)) == table


@given(st.lists(st.tuples(st.sampled_from(["a.x", "a.y", "b"]), st.integers()), max_size=6))
def test_the_last_setting_stands(settings):
    found = recipe.override({}, [f"{key}={value}" for key, value in settings])
    for key, value in dict(settings).items():
        inner = found
        for part in key.split("."):
            inner = inner[part]
        assert inner == value


@pytest.mark.parametrize(
    ("setting", "at"),
    [("model.layers=65", "model.layers"), ("model.cell.hidden=65537", "model.cell.hidden"),
     ("model.dropout=1.0", "model.dropout"), ("model.layers=0", "model.layers")],
)  # fmt: skip
def test_limits_are_kept_before_anything_is_built(path, setting, at):
    assert [problem.removeprefix(f"{path}: ").split(":")[0] for problem in refused(path, setting)] == [at]


def test_a_limit_that_is_set_takes_the_place_of_the_recipe_s_own():
    table = {"task": {}, "train": {"seconds": 90, "batch_size": 4}}
    assert recipe.override(table, ["train.steps=300"])["train"] == {"batch_size": 4, "steps": 300}
    assert recipe.override(table, ["train.batch_size=8"])["train"] == {"seconds": 90, "batch_size": 8}
    both = recipe.override(table, ["train.steps=300", "train.seconds=5"])["train"]
    assert both == {"seconds": 5, "batch_size": 4, "steps": 300}

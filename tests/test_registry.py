"""Registry: a signature is the schema of a table, and every problem of a table is told at once."""

import sys
from typing import Literal

import pytest

from ostinato.errors import ConfigError
from ostinato.registry import Count, Layers, Positive, Registry, Share, Spec, nearest


class Animal:
    """Something to be named."""


class Zoo:
    """Something that holds animals."""


@pytest.fixture
def animals(tmp_path, monkeypatch):
    """A registry of a noun of our own, whose package is empty but for one module that registers a bird."""
    folder = tmp_path / "zoo_for_tests"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "bird.py").write_text(
        "import zoo_registries\n\n@zoo_registries.animals.register('bird')\ndef bird(): ...\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    registry = Registry(Animal, "animal", "zoo_for_tests")
    holder = type(sys)("zoo_registries")
    holder.animals = registry
    monkeypatch.setitem(sys.modules, "zoo_registries", holder)
    yield registry
    for name in [name for name in sys.modules if name.startswith("zoo_for_tests")]:
        del sys.modules[name]


@pytest.fixture
def filled(animals):
    @animals.register("cat", example={"lives": 9})
    class Cat(Animal):
        """A cat."""

        def __init__(self, lives: Count, purrs: bool = True, mood: Literal["calm", "wild"] = "calm", *, owner: str):
            self.lives, self.purrs, self.mood, self.owner = lives, purrs, mood, owner

    @animals.register("herd")
    class Herd(Animal):
        """Animals in an animal."""

        def __init__(
            self, members: list[Spec[Animal]], leader: Spec[Animal] | None = None, speed: Positive = 1.0,
            lost: Share = 0.0, depth: Layers = 1, *, owner: str = "nobody",
        ):  # fmt: skip
            self.members = [member.build(owner=owner) for member in members]
            self.leader = leader.build(owner=owner) if leader else None
            self.speed, self.lost, self.depth = speed, lost, depth

    return animals


def problems(registry, table) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        registry.spec(table, "here")
    return list(refused.value.problems)


def test_modules_register_themselves_when_first_asked(filled):
    assert filled.names() == ["bird", "cat", "herd"]
    assert [name for name, _ in filled] == filled.names()
    assert filled.example("cat") == {"name": "cat", "lives": 9}


def test_a_table_is_a_call(filled):
    cat = filled.build({"name": "cat", "lives": 3, "mood": "wild"}, owner="Ida", colour="nobody asked for it")
    assert (cat.lives, cat.purrs, cat.mood, cat.owner) == (3, True, "wild", "Ida")


def test_nested_tables_are_checked_now_and_called_later(filled):
    spec = filled.spec(
        {"name": "herd", "members": [{"name": "cat", "lives": 1}, {"name": "herd", "members": []}],
         "leader": {"name": "cat", "lives": 2}},
    )  # fmt: skip
    assert [member.name for member in spec.options["members"]] == ["cat", "herd"]
    herd = spec.build(owner="Ida")
    assert herd.members[0].owner == "Ida"
    assert herd.leader.lives == 2
    assert filled.build({"name": "herd", "members": []}).leader is None


def test_every_problem_is_told_at_once_with_its_place(filled):
    found = problems(
        filled,
        {
            "name": "herd",
            "members": [{"name": "cat"}, {"name": "kat", "lives": 1}, {"lives": 1}, 7, {"name": "cat", "lives": 0}],
            "leader": "cat",
            "sped": 2.0,
            "lost": 1.0,
            "depth": 65,
        },
    )
    assert sorted(problem.split(":")[0] for problem in found) == sorted(
        [
            "here.members[0].lives", "here.members[1]", "here.members[2]", "here.members[3]", "here.members[4].lives",
            "here.leader", "here.sped", "here.lost", "here.depth",
        ]
    )  # fmt: skip
    said = "\n".join(found)
    assert "there is no animal 'kat'; did you mean 'cat'?" in said
    assert "herd has no such option; did you mean 'speed'?" in said
    assert "members[0].lives: cat needs it; add lives = …" in said


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"name": "cat", "lives": "nine"}, "here.lives: 'nine' does not fit"),
        ({"name": "cat", "lives": 9.0}, "here.lives: 9.0 does not fit"),
        ({"name": "cat", "lives": True}, "here.lives: True does not fit"),
        ({"name": "cat", "lives": 1, "purrs": 1}, "here.purrs: 1 does not fit"),
        ({"name": "cat", "lives": 1, "mood": "cross"}, "here.mood: 'cross' does not fit"),
        ({"name": "cat", "lives": 1, "owner": "Ida"}, "here.owner: cat has no such option"),
        ({"name": "herd", "members": {"name": "cat"}}, "here.members: it is a list of tables"),
        ({"name": "herd", "members": [], "speed": float("inf")}, "here.speed: inf does not fit"),
        ({"name": "herd", "members": [], "speed": float("nan")}, "here.speed: nan does not fit"),
        ({"name": "herd", "members": [], "lost": -0.1}, "here.lost: -0.1 does not fit"),
        ({"name": "herd"}, "here.members: herd needs it"),
        ({"name": ["cat"]}, "here: there is no animal '['cat']'"),
        ({}, "here: it has no name; say one of"),
        ("cat", "here: a animal is a table with a name, not 'cat'"),
    ],
)
def test_one_problem(filled, table, says):
    found = problems(filled, table)
    assert len(found) == 1
    assert found[0].startswith(says)
    assert ";" in found[0] or ":" in found[0]


def test_whole_numbers_are_numbers(filled):
    assert filled.build({"name": "herd", "members": [], "speed": 2}).speed == 2


def test_an_unknown_name_is_a_config_error(filled):
    with pytest.raises(ConfigError, match="did you mean 'herd'"):
        filled["hird"]


def test_a_name_is_given_once(filled):
    with pytest.raises(ConfigError, match="registered twice"):

        @filled.register("cat")
        class Kitten:
            pass

    def again():
        pass

    filled.register("again")(again)
    filled.register("again")(again)  # a module that is loaded twice
    stranger = type(again)(again.__code__, {}, "again")
    stranger.__qualname__, stranger.__module__ = again.__qualname__, "another.package"
    with pytest.raises(ConfigError, match="registered twice"):
        filled.register("again")(stranger)


def test_a_strangers_module_that_fails_is_named(filled, tmp_path, monkeypatch):
    metadata = tmp_path / "broken-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[ostinato.animals]\nghost = no_such_module\n")
    for _ in range(2):  # not only the first time
        with pytest.raises(ConfigError, match=r"animal 'ghost': broken adds it and cannot be imported .*; repair"):
            filled.names()


def test_a_noun_without_a_registry_is_a_mistake_of_the_programmer(filled):
    @filled.register("keeper")
    def keeper(zoo: Spec[Zoo]):
        pass

    with pytest.raises(TypeError, match="no registry holds Zoo"):
        filled.spec({"name": "keeper"})


def test_nearest_helps():
    assert nearest("hiden", ["hidden", "layers"]) == "did you mean 'hidden'?"
    assert nearest("xyz", ["hidden", "layers"]) == "choose from hidden, layers"
    assert "none" in nearest("xyz", [])


def test_every_example_of_every_registry_builds():
    """What documentation shows and the laws build is a table that a recipe may hold."""
    from ostinato.cells import cells
    from ostinato.layers import layers
    from ostinato.models import models
    from ostinato.recipe import resolve
    from ostinato.tasks import tasks
    from ostinato.text import tokenizers

    for registry in (cells, layers, models, tasks, tokenizers):
        assert registry.names()
        for name in registry.names():
            spec = registry.spec(registry.example(name))
            again = registry.spec(resolve(spec))
            assert resolve(again) == resolve(spec)

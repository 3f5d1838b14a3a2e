"""The tree of errors: each has the exit code that its module's docstring promises."""

import inspect
import re

import pytest

from ostinato import errors


def tree() -> dict[str, int]:
    return {
        name: int(code) for name, code in re.findall(r"^[*x\s]*\b(\w+Error) .*exit (\d)$", errors.__doc__, re.MULTILINE)
    }


def classes() -> dict[str, type]:
    return {
        name: thing for name, thing in vars(errors).items() if inspect.isclass(thing) and issubclass(thing, Exception)
    }


def test_the_drawing_is_the_tree():
    assert tree().keys() == classes().keys()
    assert len(tree()) == 8
    for name, kind in classes().items():
        assert kind.exit_code == tree()[name], name
        assert issubclass(kind, errors.OstinatoError)
        assert kind.__doc__


def test_a_config_error_tells_all_its_problems():
    error = errors.ConfigError(["one: wrong; do this", "two: wrong; do that"])
    assert error.problems == ("one: wrong; do this", "two: wrong; do that")
    assert str(error) == "one: wrong; do this\ntwo: wrong; do that"
    assert errors.ConfigError("one").problems == ("one",)


@pytest.mark.parametrize("name", [name for name in classes() if name != "ConfigError"])
def test_one_sentence_in_is_one_sentence_out(name):
    assert str(classes()[name]("here: it is wrong; do this")) == "here: it is wrong; do this"

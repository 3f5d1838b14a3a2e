"""Budgets: what is equal is equal, for every cell there is; what cannot be is refused in words."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostinato.cells import cells
from ostinato.compare.budgets import Flops, Parameters, Scales, budgets, size_in
from ostinato.compare.budgets.parameters import nearest_size
from ostinato.compare.scales import RecipeScales, check_recipe
from ostinato.errors import ConfigError
from ostinato.progress import silent

STEPS, ROWS, EMBEDDING, CLASSES = 5, 3, 4, 2
PARITY = {"name": "parity", "steps": STEPS}


def table(*body: dict, problem: dict = PARITY, **train) -> dict:
    return {
        "task": {"name": "synthetic"},
        "data": {"name": "synthetic", "problem": problem, "train": 30, "valid": 10, "test": 10},
        "model": {"name": "sequence", "embedding": EMBEDDING, "body": list(body)},
        "train": {"batch_size": ROWS, **train},
    }


def recurrent(cell: str, hidden, **options) -> dict:
    return {"name": "recurrent", "cell": {**cells.example(cell), **options, "hidden": hidden}}


@pytest.fixture
def scales(tmp_path) -> Scales:
    return RecipeScales(tmp_path, silent)


@pytest.mark.parametrize("count", [700, 20_000])
@pytest.mark.parametrize("cell", cells.names())
def test_every_cell_comes_as_near_to_a_number_of_parameters_as_any_size_does(scales, cell, count):
    given = table(recurrent(cell, "solved"), steps=1)
    found = Parameters(count, tolerance=0.1).apply(given, scales)
    size = size_in(given, found)
    off = {n: abs(scales.parameters(table(recurrent(cell, n), steps=1)) - count) for n in (size - 1, size, size + 1)}
    assert off[size] == min(off.values())
    assert off[size] <= 0.1 * count
    assert found["model"]["body"][0]["cell"]["hidden"] == size
    assert found["train"] == given["train"]


@given(st.integers(0, 30), st.integers(1, 30), st.integers(0, 500), st.integers(1, 20_000))
def test_the_nearest_size_is_what_looking_at_all_of_them_finds(square, linear, constant, wanted):
    def count_at(size: int) -> int:
        return square * size * size + linear * size + constant

    found = nearest_size(count_at, wanted)
    assert abs(count_at(found) - wanted) == min(abs(count_at(size) - wanted) for size in range(1, 20_002))


def test_one_size_stands_in_every_place_that_is_marked(scales):
    given = table(recurrent("gru", "solved"), recurrent("lstm", "solved"), steps=1)
    found = Parameters(5000, tolerance=0.05).apply(given, scales)
    first, second = found["model"]["body"]
    assert first["cell"]["hidden"] == second["cell"]["hidden"] == size_in(given, found)
    assert given["model"]["body"][0]["cell"]["hidden"] == "solved"  # what was given is left alone


@pytest.mark.parametrize(("cell", "blocks"), [("rnn", 1), ("lstm", 4), ("gru", 3)])
def test_operations_are_those_of_the_matrix_products(scales, cell, blocks):
    hidden, elements = 7, ROWS * STEPS
    inwards, onwards = EMBEDDING * blocks * hidden, hidden * blocks * hidden
    forward = 2 * elements * (inwards + onwards + hidden * CLASSES)
    # Backward are as many for the gradients of the weights, and as many for those of what they multiply, but for the
    # state before the first step, which nobody learns.
    backward = 2 * forward - 2 * ROWS * onwards
    assert scales.flops(table(recurrent(cell, hidden), steps=1)) == forward + backward
    twice = table(recurrent(cell, hidden), steps=1, accumulate=2)
    assert scales.flops(twice) == 2 * (forward + backward)


def test_numbers_that_come_in_have_no_gradient(scales):
    hidden, steps, adding = 6, 5, {"name": "adding", "steps": 5}
    inwards, outwards = 3 * 2 * hidden, hidden
    window = {"name": "window", "steps": 3, "hidden": hidden}
    wanted = 2 * ROWS * steps * (2 * inwards + 3 * outwards)
    assert scales.flops(table(window, problem=adding, steps=1)) == wanted


def test_equal_arithmetic_is_as_many_updates_as_fit(scales):
    given = table(recurrent("gru", 6))
    each = scales.flops(table(recurrent("gru", 6), steps=1))
    assert Flops(7.9 * each).apply(given, scales)["train"]["steps"] == 7
    with pytest.raises(ConfigError, match=r"train: one step is .* operations and the budget has .*; raise it"):
        Flops(0.9 * each).apply(given, scales)


@pytest.mark.parametrize("name", budgets.names())
def test_every_budget_makes_a_whole_recipe_and_leaves_what_it_was_given(scales, name):
    example = {**budgets.example(name), "tolerance": 0.1} if name == "parameters" else budgets.example(name)
    given = table(recurrent("gru", "solved" if name == "parameters" else 5))
    if name in ("recipe", "parameters"):
        given["train"]["steps"] = 2
    before = copy.deepcopy(given)
    budget = budgets.build(example)
    settings = check_recipe(budget.apply(given, scales)).train
    assert given == before
    assert budget.words
    assert settings.seconds == (example["count"] if name == "seconds" else None)


@pytest.mark.parametrize("name", [name for name in budgets.names() if name != "parameters"])
def test_a_size_is_solved_by_no_other_budget(scales, name):
    with pytest.raises(ConfigError, match=r'model\.body\[0\]\.cell\.hidden: a size is "solved" only under a budget of'):
        budgets.build(budgets.example(name)).apply(table(recurrent("gru", "solved")), scales)


@pytest.mark.parametrize("key", ["steps", "epochs", "seconds"])
@pytest.mark.parametrize("name", ["flops", "seconds"])
def test_two_do_not_say_how_long(scales, name, key):
    with pytest.raises(ConfigError, match=rf"train\.{key}: the budget says how long to train; leave it out"):
        budgets.build(budgets.example(name)).apply(table(recurrent("gru", 5), **{key: 2}), scales)


def test_parameters_that_cannot_be_met_are_refused(scales):
    # 2 x 4 embedded; three blocks of 5 that multiply 4 and 5 numbers and add twice; 5 x 2 and 2 to the classes.
    with pytest.raises(ConfigError, match=r'model: it has 185 parameters where the budget has 900; write "solved"'):
        Parameters(900).apply(table(recurrent("gru", 5), steps=1), scales)
    wide = table({"name": "mean_pooling"}, steps=1)
    wide["model"]["embedding"] = "solved"  # each unit more is four parameters more: 2 symbols, 2 classes
    with pytest.raises(ConfigError, match=r"no size comes within 1\.00% of 100 parameters, the nearest is 2[45] with"):
        Parameters(100, tolerance=0.01).apply({**wide}, scales)
    assert Parameters(102, tolerance=0.0).apply(wide, scales)["model"]["embedding"] == 25
    with pytest.raises(ConfigError, match=r"the nearest is 1 with"):
        Parameters(3).apply(table(recurrent("gru", "solved"), steps=1), scales)

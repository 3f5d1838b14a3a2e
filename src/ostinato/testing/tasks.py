"""Laws of a Task, by the small recipe that its class gives in `example_recipe`.

In a test of your own: `@pytest.mark.parametrize("law", ostinato.testing.tasks.LAWS)`, and in it
`law(ostinato.testing.tasks.case("mine", tmp_path))`.
"""

import contextlib
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import nn

from ostinato.bundle import Bundle
from ostinato.errors import ConfigError
from ostinato.metrics.base import SummedMetric
from ostinato.recipe import Recipe, check
from ostinato.tasks.base import Task, tasks
from ostinato.tasks.building import build_model
from ostinato.training import Interrupted, Settings, Silent, fit

SEED = 3


@dataclass(frozen=True)
class Case:
    """A task made ready by its example recipe, its model with random weights, and items that a user could pass."""

    recipe: Recipe[Settings]
    task: Task[Any, Any]
    model: nn.Module
    items: tuple[Any, ...]
    folder: Path


Law: TypeAlias = Callable[[Case], None]


def case(name: str, folder: Path) -> Case:
    """The case of a registered task; files go into `folder`. Raises ConfigError for a task without `example_recipe`."""
    constructor: Any = tasks[name].constructor
    example = getattr(constructor, "example_recipe", None)
    if not example:
        raise ConfigError(f"task '{name}': it has no example_recipe, so no law can try it; give its class one")
    table = {
        "task": {**tasks.example(name), **example.get("task", {})},
        "data": example["data"],
        "model": example["model"],
        "train": {"steps": 4, "batch_size": 4, "evaluate_every": 2, "seed": SEED, **example.get("train", {})},
    }
    recipe: Recipe[Settings] = check(table, Settings, name)
    task = recipe.task.build()
    task.prepare(recipe.data.build(folder=folder / "data"))
    torch.manual_seed(SEED)
    return Case(recipe, task, build_model(task, recipe.model).eval(), tuple(example["items"]), folder)


def assets_make_it_again(case: Case) -> None:
    """A task restored from its assets has the same assets and wiring, and builds a model of the same sizes."""
    other = case.recipe.task.build()
    other.restore(case.task.assets())
    assert other.assets() == case.task.assets(), "the assets of the restored task differ"
    assert other.wiring() == case.task.wiring(), "the wiring of the restored task differs"
    sizes = {name: tuple(value.shape) for name, value in build_model(other, case.recipe.model).state_dict().items()}
    expected = {name: tuple(value.shape) for name, value in case.model.state_dict().items()}
    assert sizes == expected, "the restored task builds a model of other sizes"


def a_bundle_predicts_what_the_task_does(case: Case) -> None:
    """Saved and loaded, it predicts the same, and every prediction is a JSON-like record."""
    Bundle(case.task, case.model, case.recipe.table).save(case.folder / "bundle")
    loaded = Bundle.load(case.folder / "bundle")
    before, after = _records(case.task, case.model, case.items), _records(loaded.task, loaded.model, case.items)
    _assert_close(before, after, "the bundle's predictions differ from the task's")
    assert len(before) == len(case.items), f"{len(before)} predictions for {len(case.items)} items"


def a_prediction_does_not_depend_on_its_batch(case: Case) -> None:
    """Items predicted together, in reverse and one by one: padding and neighbours change nothing."""
    together = _records(case.task, case.model, case.items)
    alone = [record for item in case.items for record in _records(case.task, case.model, [item])]
    _assert_close(together, alone, "items predicted alone differ from those predicted together")
    reverse = _records(case.task, case.model, case.items[::-1])[::-1]
    _assert_close(together, reverse, "items predicted in reverse differ")


def losses_add_up(case: Case) -> None:
    """In eval mode, the loss of each training batch is that of its rows one by one; totals and counts add up."""
    batches = case.task.batches("train", 3, SEED)
    with torch.no_grad():
        examples = batches.batch(0, 0)
        whole, _ = case.task.loss(case.model, case.task.collate(examples), None)
        rows = [case.task.loss(case.model, case.task.collate([example]), None)[0] for example in examples]
    assert whole.count == sum(row.count for row in rows), "counts of single rows do not add up"
    torch.testing.assert_close(whole.total, sum(row.total for row in rows), rtol=1e-4, atol=1e-4)
    assert all(np.isfinite(float(part)) for part in whole.parts.values()), "a part of the loss is not finite"


def batches_are_known_by_number(case: Case) -> None:
    """Batch (epoch, index) is the same whenever it is asked for, and an evaluation's batches are always the same."""
    training = [case.task.batches("train", 3, SEED) for _ in range(2)]
    evaluation = [case.task.evaluation_batches("valid") for _ in range(2)]
    for first, second in (training, evaluation):
        assert len(first) == len(second), "the number of batches changed"
        second.batch(1, 0)  # another epoch in between changes nothing
        for index in range(min(len(first), 3)):
            keys = [[example.key for example in batches.batch(0, index)] for batches in (first, second)]
            assert keys[0] == keys[1], f"batch {index} is not the same when it is asked for again"


def every_row_counts_once(case: Case) -> None:
    """`evaluate` is the metric of `statistics`; for summed metrics parts add up; quick metrics come first."""
    metrics = case.task.metrics_for("valid")
    tables = case.task.statistics(case.model, "valid")
    assert len(tables) == len(metrics), f"{len(tables)} tables for {len(metrics)} metrics"
    scores = case.task.evaluate(case.model, "valid")
    for metric, table, score in zip(metrics, tables, scores):
        assert len(table), f"{metric.name}: no row was measured"
        np.testing.assert_allclose(metric.score(table), score.value, rtol=1e-9, err_msg=metric.name)
        if isinstance(metric, SummedMetric):
            half = len(table) // 2
            total = table[:half].sum(axis=0) + table[half:].sum(axis=0)
            np.testing.assert_allclose(metric.score_of_sum(total), score.value, rtol=1e-9, err_msg=metric.name)
    quick = [metric.name for metric in case.task.metrics_for("valid", quick=True)]
    assert quick == [metric.name for metric in metrics][: len(quick)], "the quick metrics are not the first ones"


def a_stopped_run_goes_on_to_the_same_bits(case: Case) -> None:
    """Four steps at once, and two steps, a stop, and two more: the same weights."""
    whole = fit(case.recipe, case.folder / "whole", Silent(), baselines=False)
    parted = case.folder / "parted"
    with contextlib.suppress(Interrupted):
        fit(case.recipe, parted, _Stop(), baselines=False)
    again = fit(case.recipe, parted, Silent(), baselines=False)
    for name, weight in whole.bundle.model.state_dict().items():
        assert torch.equal(weight, again.bundle.model.state_dict()[name]), f"'{name}' differs after a stop"


LAWS: tuple[Law, ...] = (
    assets_make_it_again,
    a_bundle_predicts_what_the_task_does,
    a_prediction_does_not_depend_on_its_batch,
    losses_add_up,
    batches_are_known_by_number,
    every_row_counts_once,
    a_stopped_run_goes_on_to_the_same_bits,
)


class _Stop(Silent):
    """A Progress that interrupts the process from within after so many steps, as Ctrl-C does."""

    at = 2

    def training(self, view: Any) -> None:
        """Interrupt once the step is reached."""
        super().training(view)
        if view.step == self.at:
            os.kill(os.getpid(), signal.SIGINT)


def _records(task: Task[Any, Any], model: nn.Module, items: Any) -> list[Mapping[str, Any]]:
    with torch.inference_mode():
        return [task.to_record(prediction) for prediction in task.predictions(model, list(items))]


def _assert_close(first: Any, second: Any, message: str) -> None:
    assert type(first) is type(second) or isinstance(first, int | float), f"{message}: {first!r}, {second!r}"
    if isinstance(first, Mapping):
        assert first.keys() == second.keys(), f"{message}: {sorted(first)} and {sorted(second)}"
        for key in first:
            _assert_close(first[key], second[key], f"{message} ({key})")
    elif isinstance(first, list | tuple):
        assert len(first) == len(second), f"{message}: {len(first)} and {len(second)}"
        for one, other in zip(first, second):
            _assert_close(one, other, message)
    elif isinstance(first, float):
        np.testing.assert_allclose(first, second, rtol=1e-4, atol=1e-5, err_msg=message)
    else:
        assert first == second, f"{message}: {first!r} and {second!r}"

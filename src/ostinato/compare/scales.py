"""Scales: the parameters and operations of a contestant's model, and whether it runs, before anything is trained."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.autograd import forward_ad
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from ostinato.data.splits import DataSplits
from ostinato.errors import ConfigError
from ostinato.metrics.base import Score, evaluate
from ostinato.progress import OnProgress
from ostinato.recipe import Recipe, check
from ostinato.registry import Table
from ostinato.tasks.base import Task
from ostinato.tasks.building import build_model, count_parameters
from ostinato.training import Settings

SPLITS = ("valid", "test")


class RecipeScales:
    """Parameters and operations of the model of any recipe; data is read once for each [task] and [data].

    `folder` is for temporary files.
    """

    def __init__(self, folder: Path, progress: OnProgress):
        self._folder, self._progress = folder, progress
        self._tasks: dict[str, Task[Any, Any]] = {}

    def parameters(self, table: Table) -> int:
        """The number of parameters of the recipe's model, without allocating them. Raises ConfigError for a recipe with
        a problem."""
        recipe = check_recipe(table)
        return count_parameters(self._task(recipe), recipe.model)

    def flops(self, table: Table) -> int:
        """The floating-point operations of the matrix products of the first update, forward and backward, two for a
        multiply-add. Raises ConfigError for a recipe with a problem."""
        recipe = check_recipe(table)
        settings, task = recipe.train, self._task(recipe)
        batch = task.collate(task.batches("train", settings.batch_size, settings.seed).batch(0, 0))
        return settings.accumulate * operations(task, build_model(task, recipe.model), batch)

    def example(self, table: Table) -> Score:
        """The score of the untrained model on a few held-out rows, which shows that the model runs, and its signature.
        Raises ConfigError for a recipe with a problem."""
        recipe = check_recipe(table)
        task = self._task(recipe)
        batch = task.collate(task.evaluation_batches("valid").batch(0, 0))
        metric = task.metrics_for("valid")[0]
        with torch.inference_mode():
            predictions, _ = task.predict(build_model(task, recipe.model).eval(), batch, None)
        pairs = zip(predictions, task.references(batch))
        return evaluate(
            metric,
            [metric.stats(task.metric_input(prediction), reference) for prediction, reference in pairs],
            resamples=0,
        )

    def _task(self, recipe: Recipe[Settings]) -> Task[Any, Any]:
        key = json.dumps([recipe.table["task"], recipe.table["data"]])
        if key not in self._tasks:
            corpora = recipe.data.build(folder=self._folder / str(len(self._tasks)), progress=self._progress)
            self._tasks[key] = prepare(recipe.task.build(), corpora)
        return self._tasks[key]


def check_recipe(table: Table) -> Recipe[Settings]:
    """The tables as a Recipe. Raises ConfigError with every problem of the recipe."""
    try:
        return check(table, Settings, "")
    except ConfigError as error:
        raise ConfigError([problem.removeprefix(": ") for problem in error.problems]) from error


def prepare(task: Task[Any, Any], corpora: DataSplits[Any]) -> Task[Any, Any]:
    """The task, prepared with its data. Raises ConfigError where there is no validation or no test split."""
    for split in SPLITS:
        if split not in corpora.splits:
            raise ConfigError(f"data: it has no {split} split; hold one out, for example with data.{split} = 0.1")
    task.prepare(corpora)
    return task


def operations(task: Task[Any, Any], model: nn.Module, batch: Any) -> int:
    """The floating-point operations of the matrix products of a batch's loss and gradient, two for a multiply-add.

    A counter in torch does not see into the compiled kernels. Inside forward-mode differentiation the kernels are not
    used, and the definitions in plain torch, which multiply the same matrices, run in their place.
    """
    with forward_ad.dual_level(), _Counter() as counter:
        loss, _ = task.loss(model, batch, None)
        loss.total.backward()  # type: ignore[no-untyped-call]
    return int(counter.total)


class _Counter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    # torch's own FlopCounterMode has the same formulas and takes ten times as long to apply them.
    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        formula = flop_registry.get(func._overloadpacket)
        if formula is not None:
            self.total += int(formula(*args, **(kwargs or {}), out_val=out))
        return out

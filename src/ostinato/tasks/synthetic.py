"""Synthetic problems as a task: a class or a value at the steps that a problem scores, from any sequence model."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ostinato.data.batching.base import Batches, Example
from ostinato.data.batching.shuffled import Shuffled
from ostinato.data.splits import DataSplits
from ostinato.data.synthetic import Generated, SyntheticExample
from ostinato.errors import ConfigError, DataError
from ostinato.metrics import Accuracy, Metric, Score, SquaredError, evaluate
from ostinato.padded import Padded
from ostinato.registry import Count, Spec
from ostinato.state import State
from ostinato.tasks.base import Loss, Task, needs_stride_1, register
from ostinato.wiring import Classes, Ports, Tokens, Values, Vectors, Wiring

BASELINE_EXAMPLES = 1000
"""Training examples that the baseline's one answer is taken from."""


_SHAPES = "ids [T] or features [T D], T at least 1"


class SyntheticBatch(NamedTuple):
    """Inputs [B T] or [B T D] and targets [B T], and which steps are scored [B T]."""

    inputs: Padded
    targets: Padded
    scored: Tensor
    keys: list[str]
    continues: Tensor


@register("synthetic")
class SyntheticTask(Task[SyntheticBatch, npt.NDArray[Any]]):
    """Classes or values at the steps that a synthetic problem scores: the last, some, or each.

    Options:
        held_out_rows: rows in a batch when a held-out split is evaluated.
    """

    unit = "step"
    split_type = Generated
    example_recipe = {
        "data": {
            "name": "synthetic", "problem": {"name": "parity", "steps": 6}, "train": 20, "valid": 10, "test": 10,
        },
        "model": {
            "name": "sequence", "embedding": 3, "body": [{"name": "recurrent", "cell": {"name": "gru", "hidden": 4}}],
        },
        "items": [[0, 1, 1, 0], [1], [0, 0, 1, 1, 1, 0]],
    }  # fmt: skip

    def __init__(self, held_out_rows: Count = 100):
        self.held_out_rows = held_out_rows
        self.splits: dict[str, Generated] = {}
        self._sizes: dict[str, int | None] = {}
        self.metrics: tuple[Metric, ...] = ()

    def ports(self) -> Ports:
        """Which of them, the problem decides."""
        return Ports({"input": (Tokens, Vectors)}, {"output": (Classes, Values)})

    def wiring(self) -> Wiring:
        """The problem's symbols or features, and its classes or its one value."""
        symbols, features, classes = (self._sizes[name] for name in ("symbols", "features", "classes"))
        return Wiring(
            {"input": Tokens(symbols) if symbols else Vectors(features or 1)},
            {"output": Classes(classes) if classes else Values(1)},
        )

    def prepare(self, splits: DataSplits[Generated]) -> None:
        """Take the problem's sizes. Raises ConfigError where the data are not a synthetic problem."""
        if not all(isinstance(split, Generated) for split in splits.splits.values()):
            raise ConfigError('task synthetic: its data must be a synthetic problem; set data.name = "synthetic"')
        self.splits = splits.splits
        problem = self.splits["train"].problem
        self._take({"symbols": problem.symbols, "features": problem.features, "classes": problem.classes})

    def assets(self) -> dict[str, str]:
        """The sizes."""
        return {"problem.json": json.dumps(self._sizes)}

    def restore(self, assets: Mapping[str, str]) -> None:
        """The sizes."""
        self._take(json.loads(assets["problem.json"]))

    def model(self, spec: Spec[nn.Module]) -> nn.Module:
        """A model that reads the problem's symbols or features and answers in its classes, or one value. Raises
        ConfigError for a model that shortens the sequence."""
        sizes = {name: self._sizes[name] for name in ("symbols", "features")}
        return needs_stride_1("synthetic", spec.build(outputs=self._sizes["classes"] or 1, **sizes))

    def batches(self, split: str, batch_size: int, seed: int, batch_tokens: int | None = None) -> Batches:
        """Examples in a new order every epoch. Raises ConfigError for a `batch_tokens`."""
        if batch_tokens is not None:
            raise ConfigError("train.batch_tokens: synthetic sequences are batched by number; set train.batch_size")
        return Shuffled(self._split(split), batch_size, seed)

    def evaluation_batches(self, split: str) -> Batches:
        """The same for every model."""
        return Shuffled(self._split(split), self.held_out_rows, 0)

    def metrics_for(self, split: str, quick: bool = False) -> tuple[Metric, ...]:
        """Naming the examples, which no other seed or problem has."""
        kind = Accuracy if self._sizes["classes"] else SquaredError
        return (kind(examples=repr(self._split(split))),)

    def baselines(self, split: str) -> dict[str, list[Score]]:
        """One answer for all: the commonest class of the first training examples, or the mean of their values."""
        targets = np.concatenate([each.targets[each.scored] for each in self._split("train")[:BASELINE_EXAMPLES]])
        answer = np.bincount(targets).argmax() if self._sizes["classes"] else targets.mean()
        (metric,) = self.metrics_for(split)
        expected = [each.targets[each.scored] for each in self._split(split)]
        rows = [metric.stats(np.full(len(row), answer), row) for row in expected]
        return {"one answer for all": [evaluate(metric, rows)]}

    def collate(self, examples: Sequence[Example]) -> SyntheticBatch:
        """Rows padded to the longest."""
        sequences: list[SyntheticExample] = list(examples)  # type: ignore[arg-type]
        return SyntheticBatch(
            Padded.of([torch.from_numpy(each.inputs) for each in sequences]),
            Padded.of([torch.from_numpy(each.targets) for each in sequences]),
            Padded.of([torch.from_numpy(each.scored) for each in sequences]).data,
            [each.key for each in sequences],
            torch.zeros(len(sequences), dtype=torch.bool),
        )

    def loss(self, model: nn.Module, batch: SyntheticBatch, state: State | None) -> tuple[Loss, State | None]:
        """Nats of the right class, or squared errors, summed over the scored steps."""
        outputs, targets = self._outputs(model, batch), batch.targets.data[batch.scored]
        if self._sizes["classes"]:
            return Loss(nn.functional.cross_entropy(outputs, targets, reduction="sum"), len(targets)), None
        total = nn.functional.mse_loss(outputs.squeeze(-1), targets, reduction="sum")
        return Loss(total, len(targets), "squared error"), None

    def predict(
        self, model: nn.Module, batch: SyntheticBatch, state: State | None = None, options: Any = None
    ) -> tuple[list[npt.NDArray[Any]], State | None]:
        """Each row's classes or values [S] of its S scored steps."""
        outputs = self._outputs(model, batch).detach()
        answers = outputs.argmax(-1) if self._sizes["classes"] else outputs.squeeze(-1)
        rows = torch.split(answers, batch.scored.sum(1).tolist())  # type: ignore[no-untyped-call]
        return [row.numpy() for row in rows], None

    def references(self, batch: SyntheticBatch) -> list[npt.NDArray[Any]]:
        """The targets [S] of each row's S scored steps."""
        return [row[scored].numpy() for row, scored in zip(batch.targets.data, batch.scored)]

    def batches_of(self, items: Iterable[Any]) -> Iterator[SyntheticBatch]:
        """Arrays of ids [T] or features [T D], each to be answered at its last step. Raises ConfigError for others."""
        for number, item in enumerate(items):
            try:
                inputs = np.asarray(item, np.int64 if self._sizes["symbols"] else np.float32)
            except (TypeError, ValueError):
                raise ConfigError(f"predict: item {number} is not an array of numbers; give {_SHAPES}") from None
            if inputs.ndim != (1 if self._sizes["symbols"] else 2) or not len(inputs):
                raise ConfigError(f"predict: item {number} is {list(inputs.shape)}; give {_SHAPES}")
            scored = np.arange(len(inputs)) == len(inputs) - 1
            yield self.collate([SyntheticExample(inputs, np.zeros(len(inputs), np.int64), scored, f"item {number}")])

    def to_record(self, prediction: npt.NDArray[Any]) -> dict[str, Any]:
        """The classes or values [S] of a row, as `answers`."""
        return {"answers": prediction.tolist()}

    def _take(self, sizes: dict[str, int | None]) -> None:
        self._sizes = sizes
        self.metrics = (Accuracy(),) if sizes["classes"] else (SquaredError(),)

    def _split(self, split: str) -> Generated:
        if split not in self.splits:
            raise DataError(f"task synthetic: there is no split '{split}'; choose from {', '.join(self.splits)}")
        return self.splits[split]

    def _outputs(self, model: nn.Module, batch: SyntheticBatch) -> Tensor:
        """[A outputs]: of the scored steps, row by row."""
        out, _ = model(batch.inputs)
        answers: Tensor = out.stretched(batch.scored.shape[1]).data[batch.scored]
        return answers

"""Synthetic problems as a task: a class or a value at the steps that a problem scores, from any sequence model."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ostinato.data.batching.base import Batches, Example
from ostinato.data.batching.contiguous import Shuffled
from ostinato.data.splits import DataSplits
from ostinato.data.synthetic import Generated, SyntheticExample
from ostinato.errors import ConfigError, DataError
from ostinato.metrics.answers import Accuracy, SquaredError
from ostinato.metrics.base import Metric, Score, evaluate
from ostinato.padded import Padded
from ostinato.registry import Count, Spec
from ostinato.state import State
from ostinato.tasks.base import Loss, Task, register

COUNTED = 1000
"""Training examples of which the baseline takes its one answer."""


class SyntheticBatch(NamedTuple):
    """Inputs and targets, a step each, and which steps are scored [B T]."""

    inputs: Padded
    targets: Padded
    scored: Tensor
    keys: list[str]
    continues: Tensor


@register("synthetic")
class SyntheticTask(Task):
    """Classes or values at the steps that a synthetic problem scores: the last, some, or each. `unit` is what a step
    is.

    Options:
        held_out_rows: rows in a batch when a held-out split is evaluated.
    """

    unit = "step"

    def __init__(self, held_out_rows: Count = 100):
        self.held_out_rows = held_out_rows
        self.splits: dict[str, Generated] = {}
        self._sizes: dict[str, int | None] = {}
        self.metrics: tuple[Metric, ...] = ()

    def prepare(self, corpora: DataSplits) -> None:
        """Take the problem's sizes. Raises ConfigError where the data are no synthetic problem."""
        if not all(isinstance(split, Generated) for split in corpora.splits.values()):
            raise ConfigError('task synthetic: its data must be a synthetic problem; set data.name = "synthetic"')
        self.splits = corpora.splits
        problem = self.splits["train"].problem
        self._take({"symbols": problem.symbols, "features": problem.features, "classes": problem.classes})

    def assets(self) -> dict[str, str]:
        """The sizes."""
        return {"problem.json": json.dumps(self._sizes)}

    def restore(self, assets: Mapping[str, str]) -> None:
        """The sizes."""
        self._take(json.loads(assets["problem.json"]))

    def _take(self, sizes: dict[str, int | None]) -> None:
        self._sizes = sizes
        self.metrics = (Accuracy(),) if sizes["classes"] else (SquaredError(),)

    def model(self, spec: Spec[nn.Module]) -> nn.Module:
        """A model that reads the problem's symbols or features and answers in its classes, or one value."""
        sizes = {name: self._sizes[name] for name in ("symbols", "features")}
        return spec.build(outputs=self._sizes["classes"] or 1, **sizes)

    def batches(self, split: str, rows: int, seed: int) -> Batches:
        """Examples in a new order every epoch."""
        return Shuffled(self._split(split), rows, seed)

    def evaluation_batches(self, split: str) -> Batches:
        """The same for every model."""
        return Shuffled(self._split(split), self.held_out_rows, 0)

    def _split(self, split: str) -> Generated:
        if split not in self.splits:
            raise DataError(f"task synthetic: there is no split '{split}'; choose from {', '.join(self.splits)}")
        return self.splits[split]

    def metrics_for(self, split: str) -> tuple[Metric, ...]:
        """Naming the examples, which no other seed or problem has."""
        kind = Accuracy if self._sizes["classes"] else SquaredError
        return (kind(repr(self._split(split))),)

    def baselines(self, split: str) -> dict[str, list[Score]]:
        """What looks at nothing: the commonest class of the first training examples, or the mean of their values."""
        seen = np.concatenate([each.targets[each.scored] for each in self._split("train")[:COUNTED]])
        answer = np.bincount(seen).argmax() if self._sizes["classes"] else seen.mean()
        (metric,) = self.metrics_for(split)
        wanted = [each.targets[each.scored] for each in self._split(split)]
        rows = [metric.stats(np.full(len(targets), answer), targets) for targets in wanted]
        return {"one answer for all": [evaluate(metric, rows)]}

    def collate(self, examples: Sequence[Example]) -> SyntheticBatch:
        """Rows padded to the longest."""
        drawn: list[SyntheticExample] = list(examples)  # type: ignore[arg-type]
        return SyntheticBatch(
            Padded.of([torch.from_numpy(each.inputs) for each in drawn]),
            Padded.of([torch.from_numpy(each.targets) for each in drawn]),
            Padded.of([torch.from_numpy(each.scored) for each in drawn]).data,
            [each.key for each in drawn],
            torch.zeros(len(drawn), dtype=torch.bool),
        )

    def loss(self, model: nn.Module, batch: SyntheticBatch, state: State | None) -> tuple[Loss, State | None]:  # type: ignore[override]
        """Nats of the right class, or squared errors, over the scored steps."""
        found, wanted = self._answers(model, batch), batch.targets.data[batch.scored]
        if self._sizes["classes"]:
            total = nn.functional.cross_entropy(found, wanted, reduction="sum")
        else:
            total = nn.functional.mse_loss(found.squeeze(-1), wanted, reduction="sum")
        return Loss(total, len(wanted)), None

    def predict(  # type: ignore[override]
        self, model: nn.Module, batch: SyntheticBatch, state: State | None = None
    ) -> tuple[list[np.ndarray], State | None]:
        """Each row's classes or values, one for each scored step."""
        found = self._answers(model, batch).detach()
        answers = found.argmax(-1) if self._sizes["classes"] else found.squeeze(-1)
        rows = torch.split(answers, batch.scored.sum(1).tolist())  # type: ignore[no-untyped-call]
        return [row.numpy() for row in rows], None

    def references(self, batch: SyntheticBatch) -> list[np.ndarray]:  # type: ignore[override]
        """What was wanted there."""
        return [row[scored].numpy() for row, scored in zip(batch.targets.data, batch.scored)]

    def batches_of(self, items: Sequence[Any]) -> Iterator[SyntheticBatch]:
        """Arrays of ids [T] or features [T D], each to be answered at its last step."""
        for number, item in enumerate(items):
            inputs = np.asarray(item, np.int64 if self._sizes["symbols"] else np.float32)
            if inputs.ndim != (1 if self._sizes["symbols"] else 2) or not len(inputs):
                raise ConfigError(f"predict: item {number} is {list(inputs.shape)}; give ids [T] or features [T D]")
            scored = np.arange(len(inputs)) == len(inputs) - 1
            yield self.collate([SyntheticExample(inputs, np.zeros(len(inputs), np.int64), scored, f"item {number}")])

    def to_record(self, prediction: np.ndarray) -> dict[str, Any]:
        """The answers."""
        return {"answers": prediction.tolist()}

    def _answers(self, model: nn.Module, batch: SyntheticBatch) -> Tensor:
        """[A outputs]: of the scored steps, row by row."""
        out, _ = model(batch.inputs)
        found: Tensor = out.stretched(batch.scored.shape[1]).data[batch.scored]
        return found

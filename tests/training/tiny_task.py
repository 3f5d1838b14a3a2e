"""A task small enough to train in milliseconds, with all that the loop must carry: state, chance, a score."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from ostinato import recipe
from ostinato.data.splits import DataSplits, data_sources
from ostinato.metrics.base import Score, Signature, SummedMetric
from ostinato.models import models
from ostinato.registry import Count, NotNegative, Share
from ostinato.tasks.base import Loss, Task, carried, tasks, unreported
from ostinato.training import Settings
from ostinato.training.settings import Whole

WIDTH = 3
SEED = 0


class Window(NamedTuple):
    values: np.ndarray
    target: np.ndarray
    key: str
    continues: bool


class TinyBatch(NamedTuple):
    values: torch.Tensor
    target: torch.Tensor
    keys: list[str]
    continues: torch.Tensor


class TinyState(NamedTuple):
    h: torch.Tensor


class Windows:
    """`length` batches of an endless row of noise, cut in `rows` places, in another order of noise each epoch."""

    def __init__(self, noise: np.ndarray, rows: int, seed: int):
        self.noise, self.rows, self.seed = noise, rows, seed

    def __len__(self) -> int:
        return len(self.noise)

    def batch(self, epoch: int, index: int) -> list[Window]:
        generator = np.random.default_rng([self.seed, epoch, index])
        values = self.noise[index] + 0.1 * generator.normal(size=(self.rows, 4, WIDTH))
        return [
            Window(row, row.sum(-1, keepdims=True), f"{epoch}:{index}:{number}", index > 0)
            for number, row in enumerate(values.astype(np.float32))
        ]


class SquaredError(SummedMetric):
    name, unit, better = "squared_error", "square", "lower"

    def stats(self, prediction, reference):
        return np.array([((prediction - reference) ** 2).sum(), reference.size])

    def score_of_sum(self, total):
        return float(total[0] / total[1])

    def signature_of_sum(self, total) -> Signature:
        return Signature()


class TinyModel(nn.Module):
    def __init__(self, hidden: int, dropout: float):
        super().__init__()
        self.cell, self.head, self.dropout = nn.GRUCell(WIDTH, hidden), nn.Linear(hidden, 1), nn.Dropout(dropout)

    def initial(self, batch: int) -> TinyState:
        return TinyState(self.head.weight.new_zeros(batch, self.cell.hidden_size))

    def forward(self, values: torch.Tensor, state: TinyState) -> tuple[torch.Tensor, TinyState]:
        h, outputs = state.h, []
        for t in range(values.shape[1]):
            h = self.cell(values[:, t], h)
            outputs.append(self.head(self.dropout(h)))
        return torch.stack(outputs, 1), TinyState(h)


class TinyTask(Task[TinyBatch, np.ndarray]):
    """`bad` batches of each epoch give NaN; `worse` makes every evaluation worse than the last."""

    metrics = (SquaredError(),)

    def __init__(self, bad: list[Whole] | None = None, worse: bool = False, scale: NotNegative = 1.0):
        self.bad, self.worse, self.scale, self.evaluations = bad or [], worse, scale, 0

    def prepare(self, corpora: DataSplits) -> None:
        self.corpora = corpora
        self.learnt = float(corpora.splits["train"].mean())

    def assets(self) -> dict[str, str]:
        return {"tiny.json": json.dumps(self.learnt)}

    def restore(self, assets) -> None:
        self.learnt = json.loads(assets["tiny.json"])

    def model(self, spec) -> nn.Module:
        return spec.build()

    def batches(self, split: str, batch_size: int, seed: int, batch_tokens: int | None = None) -> Windows:
        return Windows(self.corpora.splits[split], batch_size, seed)

    def collate(self, examples) -> TinyBatch:
        return TinyBatch(
            torch.tensor(np.stack([e.values for e in examples])), torch.tensor(np.stack([e.target for e in examples])),
            [e.key for e in examples], torch.tensor([e.continues for e in examples]),
        )  # fmt: skip

    def loss(self, model, batch, state):
        outputs, state = model(batch.values, carried(model, batch, state))
        total = ((outputs - batch.target) ** 2).sum() * self.scale
        if int(batch.keys[0].split(":")[1]) in self.bad:
            total = total * math.nan
        return Loss(total, batch.target.numel()), state

    def predict(self, model, batch, state=None, options=None):
        outputs, state = model(batch.values, carried(model, batch, state))
        return [row.numpy() for row in outputs], state

    def references(self, batch):
        return [row.numpy() for row in batch.target]

    def batches_of(self, items) -> Iterator[TinyBatch]:
        raise NotImplementedError

    def evaluate(self, model, split, progress=unreported, *, quick=False) -> list[Score]:
        scores = super().evaluate(model, split, progress, quick=quick)
        self.evaluations += 1
        if self.worse:
            scores = [Score(s.name, float(self.evaluations), s.unit, s.signature, None, s.better) for s in scores]
        return scores


def tiny_model(hidden: Count = 4, dropout: Share = 0.2) -> TinyModel:
    return TinyModel(hidden, dropout)


def tiny_source(length: Count = 10, *, folder: Path, progress) -> DataSplits:
    generator = np.random.default_rng(SEED)
    splits = {"train": generator.normal(size=(length, 1, 4, WIDTH)), "valid": generator.normal(size=(3, 1, 4, WIDTH))}
    return DataSplits(splits, folder, progress)


NAMES = {tasks: ("tiny", TinyTask), models: ("tiny", tiny_model), data_sources: ("tiny", tiny_source)}


def register() -> None:
    for registry, (name, constructor) in NAMES.items():
        registry.names()  # loads what is really there first
        registry.register(name)(constructor)


def unregister() -> None:
    for registry, (name, _) in NAMES.items():
        registry._entries.pop(name, None)


def tiny_recipe(**settings) -> recipe.Recipe[Settings]:
    """`task_…`, `data_…` and `model_…` go to those tables, everything else to [train]."""
    table = {"task": {"name": "tiny"}, "data": {"name": "tiny"}, "model": {"name": "tiny"}}
    train = {"steps": 20, "batch_size": 2, "evaluate_every": 6, "log_every": 2}
    for key, value in settings.items():
        section, _, option = key.partition("_")
        if section in table:
            table[section][option] = value
        else:
            train[key] = value
    return recipe.check({**table, "train": train}, Settings, "tiny.toml")

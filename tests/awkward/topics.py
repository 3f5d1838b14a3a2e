"""Several labels a row at once, judged by AUROC: a metric that no sum of statistics gives."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from documents import DocumentBatch, DocumentModel
from torch import nn

from ostinato.cells import Cell
from ostinato.data.table.rows import Row
from ostinato.errors import DataError
from ostinato.layers import Embedding, Recurrent
from ostinato.metrics import metrics
from ostinato.registry import Hidden, Share, Spec
from ostinato.state import State
from ostinato.tasks.base import Loss, carried
from ostinato.tasks.rows import Fields, RowChunk, RowTask, flags, padded
from ostinato.text.characters import Characters
from ostinato.text.tokenizers import load as load_tokenizer
from ostinato.wiring import Binary, Ports, Tokens, Wiring, accepts

TOPICS = ("sea", "sky", "sun")


class Topics(NamedTuple):
    probabilities: np.ndarray
    labels: list[str]


class AboveThreshold:
    """Labels are those whose probability is at least `threshold`.

    Options:
        threshold: the least probability of a label.
    """

    def __init__(self, threshold: Share = 0.5):
        self.threshold = threshold


@accepts(inputs={"input": (Tokens,)}, outputs={"output": (Binary,)})
def topics(cell: Spec[Cell], embedding: Hidden = 8, *, size: int, labels: int) -> DocumentModel:
    return DocumentModel(Embedding(embedding, inputs=size), Recurrent(cell.build(inputs=embedding)), labels)


class TopicTask(RowTask[DocumentBatch, Topics]):
    predict_options = AboveThreshold
    example_recipe = {
        "data": {"name": "jsonl", "path": "topics.jsonl", "valid": 0.3},
        "model": {"name": "topics", "cell": {"name": "gru", "hidden": 4}},
        "items": [{"text": "sea and sun"}, {"text": "x"}, {"text": "the sky over the sea"}],
    }

    def __init__(self):
        super().__init__()
        self.tokenizer: Characters | None = None

    def ports(self) -> Ports:
        return Ports({"input": (Tokens,)}, {"output": (Binary,)})

    def wiring(self) -> Wiring:
        return Wiring({"input": Tokens(self.tokenizer.size)}, {"output": Binary(len(TOPICS))})

    def is_ready(self) -> bool:
        return self.tokenizer is not None

    def learn(self, rows) -> None:
        self.tokenizer = Characters()
        self.tokenizer.train(row.fields["text"] for row in rows)

    def encode(self, row: Row, labelled: bool = True) -> Fields:
        given = row.fields.get("topics", []) if labelled else []
        if unknown := set(given) - set(TOPICS):
            raise DataError(f"{row.key}: there is no topic {sorted(unknown)[0]!r}")
        labels = np.array([topic in given for topic in TOPICS], np.float32)
        return {"input": self.tokenizer.encode(row.fields["text"]), "labels": labels}

    def assets(self) -> dict[str, str]:
        return {"tokenizer.json": self.tokenizer.to_json()}

    def restore(self, assets) -> None:
        self.tokenizer = load_tokenizer(assets["tokenizer.json"])

    def model(self, spec: Spec[nn.Module]) -> nn.Module:
        return spec.build(size=self.tokenizer.size, labels=len(TOPICS))

    def metrics_for(self, split: str, quick: bool = False) -> tuple[Any, ...]:
        return tuple(
            metrics.build({"name": name}, examples=self.content_hash(split)) for name in ("auroc", "average_precision")
        )

    def collate(self, examples: Sequence[RowChunk]) -> DocumentBatch:
        labels = torch.from_numpy(np.stack([example.fields["labels"] for example in examples]))
        return DocumentBatch(padded(examples, "input"), labels, *flags(examples))

    def loss(self, model: nn.Module, batch: DocumentBatch, state: State | None) -> tuple[Loss, State | None]:
        logits, state = model(batch.input, carried(model, batch, state))
        cost = nn.functional.binary_cross_entropy_with_logits(logits, batch.labels, reduction="none").sum(0)
        return Loss(cost.sum(), len(batch.keys), parts=dict(zip(TOPICS, cost.detach()))), state

    def predict(self, model, batch: DocumentBatch, state: State | None = None, options: Any = None):
        logits, state = model(batch.input, carried(model, batch, state))
        rows, least = logits.detach().sigmoid().numpy(), (options or AboveThreshold()).threshold
        return [Topics(row, [TOPICS[i] for i in np.flatnonzero(row >= least)]) for row in rows], state

    def metric_input(self, prediction: Topics) -> np.ndarray:
        return prediction.probabilities

    def references(self, batch: DocumentBatch) -> list[np.ndarray]:
        return [row.numpy() for row in batch.labels]

    def to_record(self, prediction: Topics) -> dict[str, Any]:
        return {"labels": prediction.labels, "probabilities": dict(zip(TOPICS, prediction.probabilities.tolist()))}

"""One label a document: rows of a two-column CSV whose texts are cut into chunks, the pooled state carried along."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ostinato.cells import Cell
from ostinato.data.table.rows import Row, Rows
from ostinato.errors import DataError
from ostinato.layers import Embedding, Recurrent
from ostinato.metrics import Accuracy
from ostinato.padded import Padded
from ostinato.registry import Count, Hidden, Spec
from ostinato.state import State
from ostinato.tasks.base import Loss, carried
from ostinato.tasks.rows import Fields, RowChunk, RowTask, flags, padded, train_on_rows
from ostinato.text.tokenizers import Tokenizer, tokenizers
from ostinato.text.tokenizers import load as load_tokenizer
from ostinato.wiring import Classes, Ports, Tokens, Wiring, accepts


class DocumentBatch(NamedTuple):
    """Ids [B T] and labels [B]; rows that end are answered."""

    input: Padded
    labels: Tensor
    keys: list[str]
    continues: Tensor
    ends: Tensor


class Labelled(NamedTuple):
    label: int
    probabilities: np.ndarray


class PooledState(NamedTuple):
    layer: State
    total: Tensor
    count: Tensor


class DocumentModel(nn.Module):
    """Ids [B T] to logits [B C] of the mean of all outputs so far, whatever chunks the document came in."""

    def __init__(self, embedding: Embedding, layer: Recurrent, classes: int):
        super().__init__()
        self.embedding, self.layer = embedding, layer
        self.head = nn.Linear(layer.outputs, classes)

    def initial(self, batch: int) -> PooledState:
        zeros = self.head.weight.new_zeros(batch, self.layer.outputs)
        return PooledState(self.layer.initial(batch), zeros, zeros[:, 0])

    def forward(self, x: Padded, state: PooledState) -> tuple[Tensor, PooledState]:
        vectors, _ = self.embedding(x)
        out, layer = self.layer(vectors, state.layer)
        after = PooledState(layer, state.total + out.zeroed().data.sum(1), state.count + x.lengths)
        return self.head(after.total / after.count.clamp_min(1).unsqueeze(1)), after


@accepts(inputs={"input": (Tokens,)}, outputs={"output": (Classes,)})
def document(cell: Spec[Cell], embedding: Hidden = 6, *, size: int, classes: int) -> DocumentModel:
    return DocumentModel(Embedding(embedding, inputs=size), Recurrent(cell.build(inputs=embedding)), classes)


class DocumentTask(RowTask[DocumentBatch, Labelled]):
    example_recipe = {
        "task": {"chunk": 7},
        "data": {"name": "csv", "path": "documents.csv", "valid": 0.3},
        "model": {"name": "document", "cell": {"name": "gru", "hidden": 4}},
        "items": [{"text": "good good"}, {"text": ""}, {"text": "a long document that says bad and bad again"}],
    }

    def __init__(self, tokenizer: Spec[Tokenizer] | None = None, chunk: Count | None = 64):
        super().__init__(chunk)
        self.spec = tokenizer or tokenizers.spec({"name": "character"})
        self.tokenizer: Tokenizer | None = None
        self.labels: list[str] = []

    def ports(self) -> Ports:
        return Ports({"input": (Tokens,)}, {"output": (Classes,)})

    def wiring(self) -> Wiring:
        return Wiring({"input": Tokens(self.tokenizer.size)}, {"output": Classes(len(self.labels))})

    def is_ready(self) -> bool:
        return self.tokenizer is not None

    def learn(self, rows: Rows) -> None:
        self.tokenizer = self.spec.build()
        train_on_rows(self.tokenizer, (row.fields["text"] for row in rows))
        self.labels = sorted({row.fields["label"] for row in rows})

    def encode(self, row: Row, labelled: bool = True) -> Fields:
        label = self.labels.index(row.fields["label"]) if labelled and row.fields["label"] in self.labels else 0
        if labelled and row.fields["label"] not in self.labels:
            raise DataError(f"{row.key}: the label {row.fields['label']!r} is not one of the training rows'")
        return {"input": self.tokenizer.encode(row.fields["text"]), "label": np.int64(label)}

    def assets(self) -> dict[str, str]:
        return {"tokenizer.json": self.tokenizer.to_json(), "labels.json": json.dumps(self.labels)}

    def restore(self, assets: Mapping[str, str]) -> None:
        self.tokenizer, self.labels = load_tokenizer(assets["tokenizer.json"]), json.loads(assets["labels.json"])

    def model(self, spec: Spec[nn.Module]) -> nn.Module:
        return spec.build(size=self.tokenizer.size, classes=len(self.labels))

    def metrics_for(self, split: str, quick: bool = False) -> tuple[Accuracy]:
        return (Accuracy(examples=self.content_hash(split)),)

    def collate(self, examples: Sequence[RowChunk]) -> DocumentBatch:
        labels = torch.tensor([int(example.fields["label"]) for example in examples])
        return DocumentBatch(padded(examples, "input"), labels, *flags(examples))

    def loss(self, model: nn.Module, batch: DocumentBatch, state: State | None) -> tuple[Loss, State | None]:
        logits, state = model(batch.input, carried(model, batch, state))
        total = nn.functional.cross_entropy(logits[batch.ends], batch.labels[batch.ends], reduction="sum")
        return Loss(total, int(batch.ends.sum())), state

    def predict(
        self, model: nn.Module, batch: DocumentBatch, state: State | None = None, options: Any = None
    ) -> tuple[list[Labelled], State | None]:
        logits, state = model(batch.input, carried(model, batch, state))
        probabilities = logits.detach().softmax(-1)[batch.ends].numpy()
        return [Labelled(int(row.argmax()), row) for row in probabilities], state

    def metric_input(self, prediction: Labelled) -> list[int]:
        return [prediction.label]

    def references(self, batch: DocumentBatch) -> list[list[int]]:
        return [[label] for label in batch.labels[batch.ends].tolist()]

    def to_record(self, prediction: Labelled) -> dict[str, Any]:
        shares = dict(zip(self.labels, prediction.probabilities.tolist()))
        return {"label": self.labels[prediction.label], "probabilities": shares}


def write_csv(path: Any, rows: int = 60) -> None:
    """Two columns; a document is `good` or `bad` by the word that it says more often, and some are long."""
    generator = np.random.default_rng(0)
    lines = ["text,label"]
    for number in range(rows):
        label = ("good", "bad")[number % 2]
        words = generator.choice(["so", "it", "was", label, label, label], size=int(generator.integers(1, 30)))
        lines.append(f"{' '.join([label, *words])},{label}")
    path.write_text("\n".join(lines) + "\n")

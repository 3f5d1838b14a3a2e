"""RowTask: what every task over the rows of a table shares; a task of its own says how a row is encoded."""

import hashlib
import json
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ostinato.data.batching.base import Batches
from ostinato.data.batching.chunked import Chunk, Chunked
from ostinato.data.encoded import EncodedRows
from ostinato.data.splits import DataSplits
from ostinato.data.table.rows import Row, Rows
from ostinato.errors import ConfigError, DataError
from ostinato.padded import Padded
from ostinato.registry import Count
from ostinato.state import State
from ostinato.tasks.base import B, P, Task
from ostinato.text.bytes import Bytes
from ostinato.text.characters import Characters
from ostinato.text.tokenizers import Tokenizer

Fields = Mapping[str, npt.NDArray[Any]]

ITEMS = 16
"""Items that are predicted at once; and, for evaluation, rows in a batch, the same for every model."""


class RowChunk(NamedTuple):
    """A row, or steps `start` … `end` of a long one: the encoded `fields` [...], those over time cut to these steps.

    `continues`: it goes on where this row of the batch before stopped. `ends`: the row ends here and is to be answered.
    """

    fields: Fields
    key: str
    continues: bool
    ends: bool


class RowTask(Task[B, P]):
    """Rows are encoded once, grouped by length, and read `chunk` steps at a time, the state carried (None: whole).

    A subclass writes `learn`, `encode` and `collate`, and what every task writes. The field `length_of` has time on its
    first axis, and so have those named in `over_time`; what `collate` gets of a long row is one chunk of these. A batch
    has `ends` [B]: `loss`, `predict` and `references` are of the rows that end in it.
    """

    split_type = Rows
    length_of: ClassVar[str] = "input"
    over_time: ClassVar[tuple[str, ...]] = ("input",)

    def __init__(self, chunk: Count | None = None):
        self.chunk = chunk
        self.stores: dict[str, EncodedRows] = {}

    @abstractmethod
    def learn(self, rows: Rows) -> None:
        """Learn from the training rows alone what `assets` keeps (a tokenizer, the classes). Raises DataError naming
        the row that does not fit, ConfigError for a column that is not there."""

    @abstractmethod
    def encode(self, row: Row, labelled: bool = True) -> Fields:
        """A row's fields as numeric arrays, always the same for the same row; without its answer unless `labelled`.

        Every row has the same names, each with one dtype. Raises DataError for a row that does not fit.
        """

    def vary(self, fields: Fields, generator: np.random.Generator) -> Fields:
        """The fields as training sees them this epoch (subword dropout, augmentation); as they are unless overridden.

        The generator depends on the seed, the epoch and the row's key alone.
        """
        return fields

    def prepare(self, splits: DataSplits[Rows]) -> None:
        """Learns from `train` unless that is done already, and encodes every split into the folder. Raises ConfigError
        for a split that is not rows of a table."""
        for name, rows in splits.splits.items():
            if not isinstance(rows, Rows):
                raise ConfigError(f"data: split '{name}' is not rows of a table; choose a source such as csv or jsonl")
        if not self.is_ready():
            self.learn(splits.splits["train"])
        how = {"task": type(self).__qualname__, "assets": self._digest()}
        for name, rows in splits.splits.items():
            path = splits.folder / f"{name}.rows"
            self.stores[name] = EncodedRows.build(
                rows, self.encode, path, how, splits.progress, length_of=self.length_of
            )

    @abstractmethod
    def is_ready(self) -> bool:
        """Whether `learn` or `restore` has been called."""

    def batches(self, split: str, batch_size: int, seed: int, batch_tokens: int | None = None) -> Batches:
        """Rows of similar length together, in another order every epoch; at most `batch_size` rows and `batch_tokens`
        padded steps."""
        store = self._store(split)
        chunks = Chunked(store.key, store.lengths, self.chunk, batch_size, batch_tokens, seed)
        return RowBatches(self, store, chunks, seed)

    def evaluation_batches(self, split: str) -> Batches:
        """Rows of similar length together, always the same."""
        store = self._store(split)
        return RowBatches(self, store, Chunked(store.key, store.lengths, self.chunk, ITEMS), None)

    def content_hash(self, split: str) -> str:
        """sha256 of the contents of a split's rows: what a metric's signature names them by."""
        return self._store(split).content_hash

    def batches_of(self, items: Iterable[Any]) -> Iterator[B]:
        """Rows as dicts of columns, sixteen at a time; a long one in chunks, so that a batch answers those that end.

        Raises ConfigError for what is not a row, DataError naming the item whose columns do not fit.
        """
        numbered = enumerate(items)
        while group := list(islice(numbered, ITEMS)):
            rows = [self._row(item, number) for number, item in group]
            encoded = [self.encode(row, labelled=False) for row in rows]
            lengths = [len(fields[self.length_of]) for fields in encoded]
            chunked = Chunked(lambda number, rows=rows: rows[number].key, lengths, self.chunk, len(rows))
            for index in range(len(chunked)):
                chunks = sorted(chunked.batch(0, index), key=lambda chunk: chunk.row_number)
                yield self.collate([self.cut(encoded[chunk.row_number], chunk) for chunk in chunks])

    def predictions(self, model: nn.Module, items: Iterable[Any], options: Any = None) -> Iterator[P]:
        """One prediction for each item, in order, however many batches an item takes."""
        waiting: dict[str, P] = {}
        number = 0
        state: State | None = None
        for batch in self.batches_of(items):
            rows, state = self.predict(model, batch, state, options)
            waiting |= dict(zip(ended_keys(batch), rows, strict=True))
            while (key := f"item {number}") in waiting:
                yield waiting.pop(key)
                number += 1

    def cut(self, fields: Fields, chunk: Chunk) -> RowChunk:
        """The chunk's part of a row's fields."""
        parts = {
            name: values[chunk.start : chunk.end] if name in self.over_time else values
            for name, values in fields.items()
        }
        return RowChunk(parts, chunk.key, chunk.continues, chunk.ends)

    def _row(self, item: Any, number: int) -> Row:
        if not isinstance(item, Mapping):
            raise ConfigError(f"predict: item {number} is a {type(item).__name__}, not a row; give a dict of columns")
        return Row(f"item {number}", item)

    def _digest(self) -> str:
        return hashlib.sha256(json.dumps(self.assets(), sort_keys=True).encode()).hexdigest()

    def _store(self, split: str) -> EncodedRows:
        if split not in self.stores:
            have = ", ".join(self.stores) or "none: call prepare"
            raise DataError(f"data: there is no split '{split}' (it has {have}); set data.{split}")
        return self.stores[split]


class RowBatches:
    """The batches of a split: what `chunks` says, read from the store; with a seed, varied as training sees them."""

    def __init__(self, task: RowTask[Any, Any], store: EncodedRows, chunks: Chunked, seed: int | None):
        self._task, self._store, self._chunks, self._seed = task, store, chunks, seed

    def __len__(self) -> int:
        return len(self._chunks)

    def batch(self, epoch: int, index: int) -> list[RowChunk]:
        """Batch `index` of epoch `epoch`."""
        return [self._part(epoch, chunk) for chunk in self._chunks.batch(epoch, index)]

    def _part(self, epoch: int, chunk: Chunk) -> RowChunk:
        fields: Fields = self._store[chunk.row_number].fields
        if self._seed is not None and type(self._task).vary is not RowTask.vary:
            key = int.from_bytes(hashlib.blake2b(chunk.key.encode(), digest_size=8).digest(), "little")
            fields = self._task.vary(fields, np.random.default_rng([self._seed, epoch, key]))
        return self._task.cut(fields, chunk)


def ended_keys(batch: Any) -> list[str]:
    """The keys of the rows of a batch that end in it, in order."""
    return [key for key, ends in zip(batch.keys, batch.ends.tolist()) if ends]


def padded(examples: Sequence[RowChunk], name: str) -> Padded:
    """Field `name` of each row [T_i ...] as one Padded [B T ...]; ids as int64."""
    rows = [torch.from_numpy(np.ascontiguousarray(example.fields[name])) for example in examples]
    return Padded.of([row.long() if not row.is_floating_point() else row for row in rows])


def flags(examples: Sequence[RowChunk]) -> tuple[list[str], Tensor, Tensor]:
    """The keys, and which rows continue [B] and end [B]."""
    continues = torch.tensor([example.continues for example in examples], dtype=torch.bool)
    ends = torch.tensor([example.ends for example in examples], dtype=torch.bool)
    return [example.key for example in examples], continues, ends


def train_on_rows(tokenizer: Tokenizer, texts: Iterable[str]) -> None:
    """Train a tokenizer on texts that are kept apart: no token spans two of them. Changes the tokenizer in place."""
    apart = "" if isinstance(tokenizer, Characters | Bytes) else "\n"
    tokenizer.train(f"{text}{apart}" for text in texts)

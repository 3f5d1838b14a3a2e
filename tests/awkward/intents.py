"""Two inputs and two heads: words and their characters in, what a command wants (one label) and its slots (one a word)
out. Words that training never saw are told by their characters alone."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ostinato.cells import Cell
from ostinato.data.batching.shuffled import Shuffled
from ostinato.data.splits import DataSplits
from ostinato.layers import Bidirectional, Embedding, Recurrent, whole
from ostinato.metrics.base import Signature, SummedMetric
from ostinato.padded import Padded
from ostinato.registry import Count, Hidden, Spec
from ostinato.state import State
from ostinato.tasks.base import Loss, Task

INTENTS = ("play", "stop", "ask")
SLOTS = ("other", "artist", "room")


class Command(NamedTuple):
    words: tuple[str, ...]
    slots: tuple[int, ...]
    intent: int
    key: str


class Characters(NamedTuple):
    """The characters of every word: ids [B T C], of which row i has `words.lengths[i]` words and word j of it
    `lengths.data[i, j]` characters."""

    ids: Padded
    lengths: Padded

    def by_word(self) -> Padded:
        """[B·T C]: every word a row; a word of the padding has no character."""
        return Padded(self.ids.data.flatten(0, 1), self.lengths.zeroed().data.flatten())


class CommandBatch(NamedTuple):
    words: Padded
    characters: Characters
    slots: Padded
    intents: Tensor
    keys: list[str]
    continues: Tensor


class Understood(NamedTuple):
    intent: int
    slots: list[int]


class Tagger(nn.Module):
    latency = None

    def __init__(self, hidden: Hidden, cell: Spec[Cell], *, words: int, characters: int):
        super().__init__()
        self.words, self.characters = Embedding(hidden, inputs=words), Embedding(hidden, inputs=characters)
        self.spelling = Recurrent(cell.build(inputs=hidden))
        width = hidden + self.spelling.outputs
        self.reader = Bidirectional(Recurrent(cell.build(inputs=width)), Recurrent(cell.build(inputs=width)))
        self.slots = nn.Linear(self.reader.outputs, len(SLOTS))
        self.intent = nn.Linear(self.reader.outputs, len(INTENTS))

    def forward(self, words: Padded, characters: Characters) -> tuple[Tensor, Padded]:
        """Logits of the intent [B I] and of each word's slot [B T S]."""
        vectors, _ = self.words(words)
        letters, _ = self.characters(characters.by_word())
        _, spelt = self.spelling(letters)
        shapes = spelt.h.reshape(words.batch, words.steps, -1)
        out = whole(self.reader, vectors.map(lambda data: torch.cat([data, shapes], dim=-1))).zeroed()
        mean = out.data.sum(1) / words.lengths.clamp_min(1).unsqueeze(1)
        return self.intent(mean), out.map(self.slots)


class Accuracy(SummedMetric):
    """The share of right labels, of the intent or of the slots."""

    name, unit, better = "accuracy", "share", "higher"

    def __init__(self, of: str):
        self.name, self.of = f"{of}_accuracy", of

    def stats(self, prediction, reference):
        found, wanted = (np.atleast_1d(getattr(side, self.of)) for side in (prediction, reference))
        return np.array([(found == wanted).sum(), len(wanted)], float)

    def score_of_sum(self, total):
        return float(total[0] / total[1]) if total[1] else float("nan")

    def signature_of_sum(self, total):
        return Signature()


class IntentTask(Task[CommandBatch, Understood]):
    metrics = (Accuracy("intent"), Accuracy("slots"))

    def __init__(self, rows_at_once: Count = 16):
        self.rows_at_once = rows_at_once
        self.splits: dict[str, list[Command]] = {}

    def prepare(self, corpora: DataSplits) -> None:
        self.splits = corpora.splits
        words = {word for command in self.splits["train"] for word in command.words}
        self._learn(["<pad>", "<unk>", *sorted(words)], ["<pad>", "<unk>", *sorted(set("".join(words)))])

    def assets(self) -> dict[str, str]:
        return {"vocabulary.json": json.dumps({"words": list(self.words), "letters": list(self.letters)})}

    def restore(self, assets: Mapping[str, str]) -> None:
        self._learn(**json.loads(assets["vocabulary.json"]))

    def _learn(self, words: list[str], letters: list[str]) -> None:
        self.words = {word: number for number, word in enumerate(words)}
        self.letters = {letter: number for number, letter in enumerate(letters)}

    def model(self, spec: Spec[nn.Module]) -> nn.Module:
        return spec.build(words=len(self.words), characters=len(self.letters))

    def batches(self, split: str, batch_size: int, seed: int, batch_tokens: int | None = None) -> Shuffled[Command]:
        return Shuffled(self.splits[split], batch_size, seed)

    def collate(self, examples: Sequence[Command]) -> CommandBatch:
        words = Padded.of([torch.tensor([self.words.get(w, 1) for w in e.words], dtype=torch.int64) for e in examples])
        spelt = [[[self.letters.get(letter, 1) for letter in word] for word in e.words] for e in examples]
        longest = max((len(word) for row in spelt for word in row), default=0)
        ids = torch.zeros(len(spelt), words.steps, longest, dtype=torch.int64)
        counts = torch.zeros(len(spelt), words.steps, dtype=torch.int64)
        for i, row in enumerate(spelt):
            for j, word in enumerate(row):
                ids[i, j, : len(word)] = torch.tensor(word)
                counts[i, j] = len(word)
        return CommandBatch(
            words, Characters(Padded(ids, words.lengths), Padded(counts, words.lengths)),
            Padded.of([torch.tensor(e.slots, dtype=torch.int64) for e in examples]),
            torch.tensor([e.intent for e in examples]), [e.key for e in examples],
            torch.zeros(len(examples), dtype=torch.bool),
        )  # fmt: skip

    def loss(self, model: nn.Module, batch: CommandBatch, state: State | None) -> tuple[Loss, State | None]:
        intent, slots = model(batch.words, batch.characters)
        wanted = batch.slots.data.masked_fill(~batch.slots.mask, -100)
        total = nn.functional.cross_entropy(intent, batch.intents, reduction="sum")
        total = total + nn.functional.cross_entropy(slots.data.flatten(0, 1), wanted.flatten(), reduction="sum")
        return Loss(total, len(batch.keys) + int(batch.slots.lengths.sum())), None

    def predict(
        self, model: nn.Module, batch: CommandBatch, state: State | None = None, options: Any = None
    ) -> tuple[list[Understood], State | None]:
        intent, slots = model(batch.words, batch.characters)
        said = [row.argmax(-1).tolist() for row in slots.rows()]
        return [Understood(*pair) for pair in zip(intent.argmax(-1).tolist(), said)], None

    def references(self, batch: CommandBatch) -> list[Understood]:
        return [Understood(int(i), s.tolist()) for i, s in zip(batch.intents, batch.slots.rows())]

    def batches_of(self, items: Sequence[Any]) -> Iterator[CommandBatch]:
        for start in range(0, len(items), self.rows_at_once):
            texts = [text.split() for text in items[start : start + self.rows_at_once]]
            yield self.collate([Command(tuple(t), (0,) * len(t), 0, f"item {start + i}") for i, t in enumerate(texts)])

    def to_record(self, prediction: Understood) -> dict[str, Any]:
        return {"intent": INTENTS[prediction.intent], "slots": [SLOTS[slot] for slot in prediction.slots]}


def commands(rows: Count = 120, *, folder: Any, progress: Any) -> DataSplits:
    """Commands made up by rule: artists end in -ova and rooms in -room; most of the names in `valid` are new."""
    generator = np.random.default_rng(0)
    frames = [(0, "play {a} now"), (0, "play {a} in {r}"), (1, "stop {r}"), (2, "who is {a}"), (1, "stop in {r} now")]

    def made(count: int, first: int) -> list[Command]:
        found = []
        for number in range(count):
            intent, frame = frames[generator.integers(len(frames))]
            stem = "".join(generator.choice(list("bdfgklmn"), 3))
            names = {"{a}": (stem + "ova", 1), "{r}": (stem + "room", 2)}
            pairs = [names.get(word, (word, 0)) for word in frame.split()]
            found.append(Command(*zip(*pairs), intent, f"command {first + number}"))
        return found

    return DataSplits({"train": made(rows, 0), "valid": made(40, rows)}, folder, progress)

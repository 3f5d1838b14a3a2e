"""Two torch models before and after `ostinato.accelerate`: a bidirectional tagger, and a classifier of packed rows."""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pack_padded_sequence

from ostinato.bench.contest import Contender, Contest
from ostinato.bench.grid import BenchCase
from ostinato.bench.roofline import SQUASHES, Work, product, recurrence
from ostinato.nn import accelerate

VOCABULARY, LABELS = 1000, 20


class Tagger(nn.Module):
    """Embedding, bidirectional LSTM, linear map: logits of labels for each token."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, hidden)
        self.layer = nn.LSTM(hidden, hidden, batch_first=True, bidirectional=True)
        self.output = nn.Linear(2 * hidden, LABELS)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """tokens [B T] to logits [B T labels]; every row has length T."""
        logits: Tensor = self.output(self.layer(self.embedding(tokens))[0])
        return logits


class Classifier(nn.Module):
    """Embedding, GRU over rows of different lengths, linear map: logits of labels for each row."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, hidden)
        self.layer = nn.GRU(hidden, hidden, batch_first=True)
        self.output = nn.Linear(hidden, LABELS)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """tokens [B T], lengths [B] to logits [B labels]."""
        packed = pack_padded_sequence(self.embedding(tokens), lengths, batch_first=True, enforce_sorted=False)
        logits: Tensor = self.output(self.layer(packed)[1][-1])
        return logits


def contest(case: BenchCase) -> Contest:
    """The model accelerated, against itself before: logits in inference, all parameters' gradients in training."""
    tags = case.layer == "tagger"
    before = (Tagger if tags else Classifier)(case.hidden)
    after = copy.deepcopy(before)
    accelerate(after)
    tokens = torch.randint(VOCABULARY, (case.batch, case.steps))
    lengths = torch.full((case.batch,), case.steps)
    if not tags and case.batch > 1:  # evenly from a quarter of the longest
        lengths = torch.linspace(case.steps // 4, case.steps, case.batch).long()[torch.randperm(case.batch)]
    labels = torch.randint(LABELS, tokens.shape if tags else (case.batch,))
    train = case.what == "train"
    calls = [_call(model.train(train), tokens, lengths, labels, train) for model in (after, before)]
    work = _work(case, int(lengths.sum()), tags, train)
    return Contest(Contender(calls[0]), work, {"torch": Contender(calls[1])})


def _call(model: nn.Module, tokens: Tensor, lengths: Tensor, labels: Tensor, train: bool) -> Callable[[], Any]:
    parameters = list(model.parameters())

    def step() -> Any:
        logits = model(tokens, lengths)
        return torch.autograd.grad(cross_entropy(logits.flatten(0, -2), labels.flatten()), parameters)

    return step if train else lambda: model(tokens, lengths)


def _work(case: BenchCase, elements: int, tags: bool, train: bool) -> Work:
    cell, directions = ("lstm", 2) if tags else ("gru", 1)
    one = tuple(recurrence(cell, elements, case.steps, case.hidden, case.hidden, 4, train))
    rows = elements if tags else case.batch
    output = product(rows, directions * case.hidden, LABELS, 4, train)
    return Work((*one * directions, *output), squashes=directions * SQUASHES[cell] * elements * case.hidden)

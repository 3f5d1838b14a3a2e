"""The live side of language modelling: text read as it comes, and how surprising each of its tokens is."""

from copy import copy
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ostinato.tasks.live import Partial
from ostinato.text.tokenizers import Tokenizer

NEXT = 3
"""How many likely next elements a live stream shows."""


class StreamTotals(NamedTuple):
    """What a live stream comes to: characters read and what they cost in nats. The elements are not kept, so that a
    stream may go on for ever."""

    characters: int
    nats: float


class TextReader:
    """Raw text to token ids; an unfinished character waits."""

    def __init__(self, tokenizer: Tokenizer):
        self._tokenizer, self._encoder = tokenizer, tokenizer.incremental_encoder()

    def __copy__(self) -> "TextReader":
        """A reader that goes on from here by itself."""
        other = TextReader(self._tokenizer)
        other._encoder = copy(self._encoder)
        return other

    def read(self, chunk: bytes | str) -> Tensor:
        """Ids [T] of the tokens that are complete. Raises DataError where the bytes are not UTF-8."""
        return self._ids(chunk, final=False)

    def finish(self) -> Tensor:
        """Ids [T] of the rest. Raises DataError where it is half a character."""
        return self._ids(b"", final=True)

    def _ids(self, chunk: bytes | str, final: bool) -> Tensor:
        return torch.from_numpy(np.asarray(self._encoder.read(chunk, final), dtype=np.int64))


class SurprisalPredictor:
    """Says of each token how surprising it was and what is likely after it; `first` [V] are the natural
    log-probabilities of the first token."""

    def __init__(self, tokenizer: Tokenizer, first: Tensor):
        self._tokenizer, self._expected = tokenizer, first
        self._totals = StreamTotals(0, 0.0)

    def advance(self, inputs: Tensor, outputs: Tensor) -> Partial:
        """Token ids [T] and the logits [T V] after each; one entry a token, with its cost in nats."""
        after = torch.log_softmax(outputs, dim=-1)
        before = torch.cat([self._expected.unsqueeze(0), after])[:-1]
        costs = -before.gather(1, inputs.unsqueeze(1)).squeeze(1)
        likely = after.topk(min(NEXT, after.shape[-1]), dim=-1)
        self._expected = after[-1] if len(after) else self._expected
        characters = self._totals.characters + self._tokenizer.count_characters(inputs.numpy())
        self._totals = StreamTotals(characters, self._totals.nats + float(costs.double().sum()))
        pieces = self._tokenizer.pieces(inputs.numpy())
        following = zip(likely.indices, likely.values.exp())
        return Partial(
            [
                {"element": piece, "nats": round(cost, 6), "next": self._next(ids, probabilities)}
                for piece, cost, (ids, probabilities) in zip(pieces, costs.tolist(), following)
            ],
            [],
        )

    def finish(self) -> StreamTotals:
        """The totals of the whole stream."""
        return self._totals

    def _next(self, ids: Tensor, probabilities: Tensor) -> list[list[str | float]]:
        texts = self._tokenizer.pieces(ids.numpy())
        return [[text, round(probability, 6)] for text, probability in zip(texts, probabilities.tolist())]

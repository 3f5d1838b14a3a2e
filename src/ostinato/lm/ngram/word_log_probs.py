"""WordLogProbs: what an n-gram model answers about the words of a text."""

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Context: TypeAlias = tuple[str, ...]


class WordLogProb(NamedTuple):
    """Of one word: log10 p, the number of words of the longest n-gram that ends with it, whether it is unknown, and the
    context after it: as many of the last words as the model can use."""

    log10: float
    length: int
    unknown: bool
    context: Context


class WordLogProbs(NamedTuple):
    """Of T words in S sentences, </s> among them: log10 p [T], the number of words of the longest n-gram that ends with
    each [T], whether it is unknown [T], the place after each sentence [S], and the number of lines without a word."""

    log10: npt.NDArray[np.float64]
    lengths: npt.NDArray[np.uint8]
    unknown: npt.NDArray[np.bool_]
    ends: npt.NDArray[np.int64]
    blank_lines: int = 0

    @property
    def nats(self) -> float:
        """− Σ ln p."""
        return -float(self.log10.sum()) * math.log(10)

    def sentences(self) -> Iterator[slice]:
        """The places of each sentence's words."""
        start = 0
        for end in self.ends.tolist():
            yield slice(start, end)
            start = end


def word_log_probs(arrays: tuple[Any, ...]) -> WordLogProbs:
    """From the arrays of the compiled model."""
    log10, lengths, unknown, ends, blank_lines = arrays
    return WordLogProbs(log10, lengths, unknown.view(np.bool_), ends.view(np.int64), blank_lines)


def concatenated(parts: Sequence[WordLogProbs]) -> WordLogProbs:
    """One text after another."""
    if len(parts) == 1:
        return parts[0]
    offsets = np.cumsum([0, *(len(part.log10) for part in parts[:-1])])
    return WordLogProbs(
        np.concatenate([part.log10 for part in parts]),
        np.concatenate([part.lengths for part in parts]),
        np.concatenate([part.unknown for part in parts]),
        np.concatenate([part.ends + offset for part, offset in zip(parts, offsets)]),
        sum(part.blank_lines for part in parts),
    )

"""n-grams of token ids as a registered language model, built from the ids that a network learns from."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from ostinato.errors import DataError
from ostinato.lm.ngram import NGram, build
from ostinato.lm.ngram.smoothing import Smoothing
from ostinato.lm.protocol import register
from ostinato.registry import Count, Spec

END = "</s>"


@register("ngram", example={"order": 3})
def ngram(
    order: Count = 3,
    smoothing: Spec[Smoothing] | None = None,
    *,
    chunks: Iterable[npt.NDArray[Any]],
    size: int,
    eos: int,
) -> NGram:
    """The model of a text as chunks of ids [T], cut anywhere, whose first id is the boundary (as in a TokenFile).

    The ids between two boundaries are a sentence. Every id has a probability, also one that does not occur. `smoothing`
    is modified Kneser–Ney by default. Raises DataError where there is no token to learn from.

    Options:
        order: tokens of the longest n-gram.
        smoothing: how unseen n-grams get a probability; not set: modified_kneser_ney.
    """
    words = [END if token == eos else str(token) for token in range(size)]
    places = np.delete(np.arange(size), eos)  # an id's place among the words that are not </s>
    known = [words[token] for token in places]
    kind = smoothing.build() if smoothing is not None else "modified_kneser_ney"
    estimate = build(_sentences(chunks, size, eos), order, smoothing=kind, vocabulary=known)
    return NGram.of(estimate.grams, tokens=words)


def _sentences(chunks: Iterable[npt.NDArray[Any]], size: int, eos: int) -> Iterator[npt.NDArray[np.int64]]:
    """Sentences [T], as places among the words that are not </s>; the last need not be closed by a boundary."""
    open_parts: list[npt.NDArray[np.int64]] = []
    for chunk in chunks:
        ids = np.asarray(chunk, np.int64)
        if len(ids) and not 0 <= ids.min() <= ids.max() < size:
            raise DataError(f"language model: there is an id outside 0 … {size - 1}; give the tokenizer's own size")
        *whole, rest = np.split(ids, np.flatnonzero(ids == eos) + 1)
        for piece in whole:
            sentence = np.concatenate([*open_parts, piece[:-1]])
            open_parts = []
            if len(sentence):
                yield sentence - (sentence > eos)
        open_parts.append(rest)
    sentence = np.concatenate([*open_parts, np.zeros(0, np.int64)])
    if len(sentence):
        yield sentence - (sentence > eos)

"""n-grams of token ids as a registered language model: what a recipe builds from the ids that a network learns from."""

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
    """The model of a text as chunks of ids cut anywhere, whose first is the boundary (as in a TokenFile).

    What stands between two boundaries is a sentence. Every id has a probability, seen or not. `smoothing` is modified
    Kneser–Ney by default. Raises DataError where there is nothing to learn from.

    Options:
        order: tokens of the longest n-gram.
        smoothing: how unseen n-grams get a probability; not set: modified_kneser_ney.
    """
    words = [END if token == eos else str(token) for token in range(size)]
    places = np.delete(np.arange(size), eos)  # an id's place among the words that are not </s>
    known = [words[token] for token in places]
    kind = smoothing.build() if smoothing is not None else "modified_kneser_ney"
    made = build(_sentences(chunks, size, eos), order, smoothing=kind, vocabulary=known)
    return NGram.of(made.grams, tokens=words)


def _sentences(chunks: Iterable[npt.NDArray[Any]], size: int, eos: int) -> Iterator[npt.NDArray[np.int64]]:
    """Of places among the words that are not </s>; what is open at the end is one, too."""
    held: list[npt.NDArray[np.int64]] = []
    for chunk in chunks:
        ids = np.asarray(chunk, np.int64)
        if len(ids) and not 0 <= ids.min() <= ids.max() < size:
            raise DataError(f"language model: there is an id outside 0 … {size - 1}; give the tokenizer's own size")
        *whole, rest = np.split(ids, np.flatnonzero(ids == eos) + 1)
        for piece in whole:
            sentence = np.concatenate([*held, piece[:-1]])
            held = []
            if len(sentence):
                yield sentence - (sentence > eos)
        held.append(rest)
    sentence = np.concatenate([*held, np.zeros(0, np.int64)])
    if len(sentence):
        yield sentence - (sentence > eos)

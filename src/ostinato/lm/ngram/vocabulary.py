"""Vocabulary: the words of a compiled n-gram model and their numbers."""

from typing import Any

import numpy as np

UNKNOWN, BEGIN, END = "<unk>", "<s>", "</s>"
SPECIAL = (UNKNOWN, BEGIN, END)
"""The first words of every vocabulary."""
UNKNOWN_NUMBER, BEGIN_NUMBER, END_NUMBER = range(3)
NO_WORD = np.uint32(0xFFFFFFFF)
"""Stands in a history where no word is."""


def number_of(model: Any, word: str) -> int:
    """The number of a word in an `ostinato._core.NGramModel`; that of `<unk>` for a word it does not have."""
    return SPECIAL.index(word) if word in (BEGIN, END) else int(model.find(to_bytes(word)))


def to_bytes(text: str) -> bytes:
    """UTF-8, where bytes that are not UTF-8 come back as they were read."""
    return text.encode("utf-8", "surrogateescape")


def to_text(raw: bytes) -> str:
    """The inverse of `to_bytes`."""
    return raw.decode("utf-8", "surrogateescape")


def split_words(text: str) -> list[str]:
    """The words of a text between ASCII whitespace, as files are split."""
    return [to_text(word) for word in to_bytes(text).split()]

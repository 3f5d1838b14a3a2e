"""Characters: one id for each Unicode character of the training text."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ostinato.errors import DataError
from ostinato.text.incremental import utf
from ostinato.text.tokenizers import END, UNKNOWN, Ids, Tokenizer, document, register

CODE_POINTS = 0x110000
REPLACEMENT = 0xFFFD


@register("character")
class Characters(Tokenizer):
    """Ids: `</s>` is 0, `<unk>` is 1, then the characters of the training text, by code point.

    An unknown character decodes to U+FFFD. It counts as one character and, as its length is not known, as one byte: for
    a text with unknowns, take the number of bytes from the text itself.
    """

    eos = 0
    unknown = 1

    def __init__(self) -> None:
        self._take(np.zeros(0, np.uint32))

    @property
    def characters(self) -> str:
        """The known characters in the order of their ids, which start at 2."""
        return _text(self._codes[2:])

    def train(self, pieces: Iterable[str]) -> None:
        """Takes every character that occurs into the vocabulary. Raises DataError where there is none."""
        seen = np.zeros(CODE_POINTS, np.bool_)
        for piece in pieces:
            seen[_codes(piece)] = True
        if not seen.any():
            raise DataError("tokenizer: the training text has no character; give a longer text")
        self._take(np.flatnonzero(seen).astype(np.uint32))

    def encode(self, text: str) -> Ids:
        """One id a character: [T]. Raises DataError before `train`, and for a lone surrogate."""
        if self.size == 2:
            raise DataError("tokenizer: it has no vocabulary yet; train it on a text first")
        return self._table.take(_codes(text))

    def spans(self, text: str) -> npt.NDArray[np.int64]:
        """[T 2]: one character each."""
        places = np.arange(len(text))
        return np.stack([places, places + 1], 1)

    def decode(self, ids: Ids | Sequence[int]) -> str:
        """As `Tokenizer.decode`: one character an id."""
        ids = self.checked(ids)
        return _text(self._codes[ids[ids != self.eos]])

    def pieces(self, ids: Ids | Sequence[int]) -> list[str]:
        """As `Tokenizer.pieces`: the characters, `</s>` and `<unk>`."""
        names = [END, UNKNOWN]
        return [names[i] if i < 2 else chr(self._codes[i]) for i in self.checked(ids).tolist()]

    def count_characters(self, ids: Ids | Sequence[int]) -> int:
        """As `Tokenizer.count_characters`: the ids that are not boundaries."""
        return int(np.count_nonzero(self.checked(ids) != self.eos))

    def count_bytes(self, ids: Ids | Sequence[int]) -> int:
        """As `Tokenizer.count_bytes`: the characters' UTF-8 lengths, 1 for an unknown."""
        return int(self._bytes[self.checked(ids)].sum())

    def to_json(self) -> str:
        """A WordLevel model over single characters."""
        vocabulary = {END: self.eos, UNKNOWN: self.unknown} | {c: i for i, c in enumerate(self.characters, start=2)}
        split = {"type": "Split", "pattern": {"Regex": "[\\s\\S]"}, "behavior": "Isolated", "invert": False}
        model = {"type": "WordLevel", "vocab": vocabulary, "unk_token": UNKNOWN}
        return json.dumps(document(model, self.eos, split, {"type": "Fuse"}), ensure_ascii=False, indent=2)

    @classmethod
    def reads(cls, document: Mapping[str, Any]) -> bool:
        """A WordLevel model behind a Split."""
        model, split = document.get("model"), document.get("pre_tokenizer")
        if not isinstance(model, Mapping) or not isinstance(split, Mapping):
            return False
        return model.get("type") == "WordLevel" and split.get("type") == "Split" and split.get("behavior") == "Isolated"

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """As `Tokenizer.from_document`. Raises DataError where the vocabulary is not `</s>`, `<unk>` and single
        characters with ids 0, 1, 2 …"""
        vocabulary = document["model"].get("vocab")
        # Compared by repr, which sorts any values: a broken file may hold other things than integers.
        expected = sorted(map(repr, range(len(vocabulary)))) if isinstance(vocabulary, Mapping) else []
        if not expected or sorted(map(repr, vocabulary.values())) != expected:
            raise DataError("tokenizer.json: its ids are not 0, 1, 2 … without a gap; save the tokenizer again")
        words = sorted(vocabulary, key=lambda word: vocabulary[word])
        if words[:2] != [END, UNKNOWN] or any(len(word) != 1 for word in words[2:]):
            raise DataError(
                f"tokenizer.json: it is not {END}, {UNKNOWN} and single characters; save the tokenizer again"
            )
        codes = np.array([ord(word) for word in words[2:]], np.uint32)
        if ((codes >= 0xD800) & (codes < 0xE000)).any():
            raise DataError("tokenizer.json: it has half of a surrogate pair as a character; save the tokenizer again")
        tokenizer = cls()
        tokenizer._take(codes)
        return tokenizer

    def _take(self, codes: npt.NDArray[np.uint32]) -> None:
        self._codes = np.concatenate([np.array([REPLACEMENT, REPLACEMENT], np.uint32), codes])
        self.size = len(self._codes)
        # A table of every code point: an index into it is several times faster than a search or a dictionary.
        self._table = np.full(CODE_POINTS, self.unknown, self.dtype)
        self._table[codes] = np.arange(2, self.size)
        self._bytes = 1 + np.searchsorted(np.array([0x80, 0x800, 0x10000]), self._codes, side="right")
        self._bytes[self.eos], self._bytes[self.unknown] = 0, 1


def _codes(text: str) -> npt.NDArray[np.uint32]:
    return np.frombuffer(utf(text, "utf-32-le"), np.dtype("<u4"))


def _text(codes: npt.NDArray[np.uint32]) -> str:
    return codes.astype("<u4").tobytes().decode("utf-32-le")

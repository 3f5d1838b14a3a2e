"""Bytes: one id a UTF-8 byte, so that nothing is unknown."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ostinato.errors import DataError
from ostinato.text.incremental import ByteWriter, utf
from ostinato.text.tokenizers import END, Ids, Tokenizer, document, register


def symbols() -> list[str]:
    """GPT-2's character for each byte (Radford et al., 2019): a visible byte is itself, the n-th other is 256 + n."""
    seen = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    hidden = iter(range(256, 512))
    return [chr(byte) if byte in seen else chr(next(hidden)) for byte in range(256)]


@register("byte")
class Bytes(Tokenizer):
    """Ids 0 … 255 are the bytes and `</s>` is 256. Bytes that are not UTF-8 decode to U+FFFD."""

    size = 257
    eos = 256
    unknown = None

    def train(self, pieces: Iterable[str]) -> None:
        """Does nothing: the vocabulary is fixed, and `pieces` is not read."""

    def encode(self, text: str) -> Ids:
        """One id a byte: [T]. Raises DataError for a lone surrogate."""
        return np.frombuffer(utf(text, "utf-8"), np.uint8).astype(self.dtype)

    def spans(self, text: str) -> npt.NDArray[np.int64]:
        """[T 2]: the character that each byte belongs to."""
        raw = np.frombuffer(utf(text, "utf-8"), np.uint8)
        character = np.cumsum((raw & 0xC0) != 0x80) - 1
        return np.stack([character, character + 1], 1).astype(np.int64)

    def decode(self, ids: Ids | Sequence[int]) -> str:
        """As `Tokenizer.decode`; bytes on both sides of a boundary may form one character."""
        return self._raw(ids).decode("utf-8", errors="replace")

    def pieces(self, ids: Ids | Sequence[int]) -> list[str]:
        """As `Tokenizer.pieces`: ASCII as characters, other bytes like `<0xE2>`, the boundary `</s>`."""
        return [END if i == self.eos else chr(i) if i < 128 else f"<0x{i:02X}>" for i in self.checked(ids).tolist()]

    def count_characters(self, ids: Ids | Sequence[int]) -> int:
        """As `Tokenizer.count_characters`: the bytes that do not continue a character (10xxxxxx)."""
        ids = self.checked(ids)
        return int(np.count_nonzero((ids != self.eos) & ((ids & 0xC0) != 0x80)))

    def count_bytes(self, ids: Ids | Sequence[int]) -> int:
        """As `Tokenizer.count_bytes`: the ids that are not boundaries."""
        return int(np.count_nonzero(self.checked(ids) != self.eos))

    def to_json(self) -> str:
        """A byte-level BPE model without merges."""
        level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
        model: dict[str, Any] = {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {symbol: byte for byte, symbol in enumerate(symbols())} | {END: self.eos},
            "merges": [],
        }
        return json.dumps(document(model, self.eos, level, level), ensure_ascii=False, indent=2)

    @classmethod
    def reads(cls, document: Mapping[str, Any]) -> bool:
        """A byte-level BPE model without merges."""
        model, level = document.get("model"), document.get("pre_tokenizer")
        if not isinstance(model, Mapping) or not isinstance(level, Mapping):
            return False
        return model.get("type") == "BPE" and not model.get("merges") and level.get("type") == "ByteLevel"

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """As `Tokenizer.from_document`. Raises DataError where the ids are not the bytes in order."""
        vocabulary = document["model"].get("vocab")
        expected = {symbol: byte for byte, symbol in enumerate(symbols())}
        if not isinstance(vocabulary, Mapping) or vocabulary not in (expected, expected | {END: cls.eos}):
            raise DataError("tokenizer.json: its ids are not the 256 bytes in order; save the tokenizer again")
        return cls()

    def incremental_decoder(self) -> ByteWriter:
        """Decodes ids incrementally; an incomplete character waits."""
        return ByteWriter(self._raw)

    def _raw(self, ids: Ids | Sequence[int]) -> bytes:
        ids = self.checked(ids)
        raw: bytes = ids[ids != self.eos].astype(np.uint8).tobytes()
        return raw

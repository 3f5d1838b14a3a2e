"""Tokenizers: text to ids and back; each writes the tokenizer.json that the `tokenizers` library reads."""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from ostinato.errors import DataError
from ostinato.registry import Registry
from ostinato.text.incremental import IncrementalDecoder, IncrementalEncoder

Ids: TypeAlias = npt.NDArray[Any]

END = "</s>"
UNKNOWN = "<unk>"


class Tokenizer(ABC):
    """Ids 0 … size − 1; `eos` is the boundary between texts, `unknown` what was never seen (None if there is no such).

    `encode` adds no boundary and never reads one: a text that contains the characters `</s>` is only those characters.
    `decode` leaves boundaries out.
    """

    size: int
    eos: int
    unknown: int | None

    @property
    def dtype(self) -> np.dtype[Any]:
        """The smallest unsigned integer that holds every id."""
        return np.dtype(np.min_scalar_type(self.size - 1))

    @abstractmethod
    def train(self, pieces: Iterable[str]) -> None:
        """Learn the vocabulary in one pass over a text that comes in pieces."""

    @abstractmethod
    def encode(self, text: str) -> Ids:
        """The ids [T] of a text, of `dtype`. Raises DataError where the text is not Unicode (a lone surrogate)."""

    def normalize(self, text: str) -> str:
        """What of a text its ids can say: `decode(encode(text))` where nothing is unknown."""
        return text

    def sample(self, text: str, dice: np.random.Generator) -> Ids:
        """Other ids for the same text at every call, as a regularizer, where a tokenizer has such; else `encode`'s."""
        return self.encode(text)

    @abstractmethod
    def spans(self, text: str) -> npt.NDArray[np.int64]:
        """[T 2]: where each token stands in the text, its first character and the one after its last."""

    @abstractmethod
    def decode(self, ids: Ids | Sequence[int]) -> str:
        """The text of ids. Raises DataError for an id that is not in the vocabulary."""

    @abstractmethod
    def pieces(self, ids: Ids | Sequence[int]) -> list[str]:
        """Each id as text to show: boundaries and what is not a character by itself get a name in angle brackets."""

    @abstractmethod
    def count_characters(self, ids: Ids | Sequence[int]) -> int:
        """How many characters the ids stand for; a boundary is none."""

    @abstractmethod
    def count_bytes(self, ids: Ids | Sequence[int]) -> int:
        """How many UTF-8 bytes the ids stand for; a boundary is none."""

    @abstractmethod
    def to_json(self) -> str:
        """A tokenizer.json that gives the same ids in the `tokenizers` library."""

    @classmethod
    @abstractmethod
    def reads(cls, document: Mapping[str, Any]) -> bool:
        """Whether a parsed tokenizer.json is of this kind."""

    @classmethod
    @abstractmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """The tokenizer of a parsed tokenizer.json that `reads` said yes to. Raises DataError where it is broken."""

    @classmethod
    def from_json(cls, json_text: str) -> Self:
        """What `to_json` wrote. Raises DataError where it is of another kind or broken."""
        document = parse(json_text)
        if not cls.reads(document):
            raise DataError(f"tokenizer.json: it does not hold a {cls.__name__} tokenizer; load it with text.load")
        return cls.from_document(document)

    def incremental_decoder(self) -> IncrementalDecoder:
        """Ids to text, as they come."""
        return IncrementalDecoder(self.decode)

    def incremental_encoder(self) -> IncrementalEncoder:
        """Bytes or text to ids, as they come."""
        return IncrementalEncoder(self.encode)

    def checked(self, ids: Ids | Sequence[int]) -> Ids:
        """Ids [T] as an array. Raises DataError for one that is not in the vocabulary."""
        array = np.asarray(ids)
        if array.size == 0:
            return np.zeros(0, self.dtype)
        if array.ndim == 1 and array.dtype.kind in "fO" and all(type(each) is int for each in ids):
            odd = next(each for each in ids if not 0 <= each < self.size)  # beyond 64 bits, NumPy makes no integers
            raise DataError(f"tokenizer: there is no id {odd} in a vocabulary of {self.size}; pass its own ids")
        if array.ndim != 1 or array.dtype.kind not in "iu":
            raise DataError(f"tokenizer: ids are one row of integers, but {array.dtype} {list(array.shape)} was passed")
        if array.min() < 0 or array.max() >= self.size:
            odd = int(array.min() if array.min() < 0 else array.max())
            raise DataError(f"tokenizer: there is no id {odd} in a vocabulary of {self.size}; pass its own ids")
        return array


def load(json_text: str) -> Tokenizer:
    """The tokenizer that a tokenizer.json holds. Raises DataError where it is none of ours."""
    document = parse(json_text)
    for _, entry in tokenizers:
        tokenizer = entry.constructor
        if isinstance(tokenizer, type) and issubclass(tokenizer, Tokenizer) and tokenizer.reads(document):
            return tokenizer.from_document(document)
    model = document.get("model")
    model = model.get("type") if isinstance(model, Mapping) else None
    raise DataError(
        f"tokenizer.json: a model of type {model!r} like this is not read; use one of {', '.join(tokenizers.names())}"
    )


def parse(json_text: str) -> Mapping[str, Any]:
    """A tokenizer.json as tables. Raises DataError where it is not JSON or not a table."""
    try:
        document = json.loads(json_text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"tokenizer.json: it is not JSON ({error}); save the tokenizer again") from error
    if not isinstance(document, dict):
        raise DataError("tokenizer.json: it holds no table at its top; save the tokenizer again")
    return document


def document(
    model: Mapping[str, Any], eos: int, pre_tokenizer: Mapping[str, Any], decoder: Mapping[str, Any]
) -> dict[str, Any]:
    """The tables of a tokenizer.json (version 1.0 of the `tokenizers` library) whose only special token is `</s>`."""
    end = {"id": eos, "content": END, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{**end, "special": True}],
        "normalizer": None,
        "pre_tokenizer": dict(pre_tokenizer),
        "post_processor": None,
        "decoder": dict(decoder),
        "model": dict(model),
    }


tokenizers: Registry[Tokenizer] = Registry(Tokenizer, "tokenizer", "ostinato.text")
register = tokenizers.register

"""Tokenizer: text to ids and back; each kind writes a tokenizer.json that the `tokenizers` library reads."""

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
"""Token ids [T], integers."""

END = "</s>"
UNKNOWN = "<unk>"


class Tokenizer(ABC):
    """A text as ids [T], each from 0 to `size` − 1; `eos` is the id of the boundary between texts, and `unknown` that
    of what the vocabulary lacks (None where nothing is unknown).

    `encode` neither adds nor recognizes a boundary: the characters `</s>` in a text are encoded as characters. `decode`
    leaves boundaries out.
    """

    size: int
    eos: int
    unknown: int | None

    @property
    def dtype(self) -> np.dtype[Any]:
        """The smallest unsigned integer type that holds every id."""
        return np.dtype(np.min_scalar_type(self.size - 1))

    @abstractmethod
    def train(self, pieces: Iterable[str]) -> None:
        """Learns the vocabulary in one pass over a text, which comes in `pieces`. Raises DataError where there is
        nothing to learn."""

    @abstractmethod
    def encode(self, text: str) -> Ids:
        """The ids [T] of a text, of `dtype`. Raises DataError where the text is not Unicode (a lone surrogate)."""

    def normalize(self, text: str) -> str:
        """The text as its ids represent it: equal to `decode(encode(text))` where nothing is unknown."""
        return text

    def sample(self, text: str, dice: np.random.Generator) -> Ids:
        """The ids [T] of a text, sampled among its segmentations with `dice`, as a regularizer; those of `encode` where
        a tokenizer has only one. Raises DataError as `encode` does."""
        return self.encode(text)

    @abstractmethod
    def spans(self, text: str) -> npt.NDArray[np.int64]:
        """[T 2]: the position of each token in the text, its first character and the one after its last."""

    @abstractmethod
    def decode(self, ids: Ids | Sequence[int]) -> str:
        """The text of ids [T], without boundaries. Raises DataError for an id that is not in the vocabulary."""

    @abstractmethod
    def pieces(self, ids: Ids | Sequence[int]) -> list[str]:
        """Each of the ids [T] as text for display: boundaries, and ids that are not whole characters, have a name in
        angle brackets. Raises DataError for an id that is not in the vocabulary."""

    @abstractmethod
    def count_characters(self, ids: Ids | Sequence[int]) -> int:
        """The number of characters of ids [T]; a boundary has none."""

    @abstractmethod
    def count_bytes(self, ids: Ids | Sequence[int]) -> int:
        """The number of UTF-8 bytes of ids [T]; a boundary has none."""

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
        """The tokenizer of a parsed tokenizer.json of this kind (see `reads`). Raises DataError where it is broken."""

    @classmethod
    def from_json(cls, json_text: str) -> Self:
        """What `to_json` wrote. Raises DataError where it is of another kind or broken."""
        document = parse(json_text)
        if not cls.reads(document):
            raise DataError(f"tokenizer.json: it is not a {cls.__name__} tokenizer; load it with ostinato.text.load")
        return cls.from_document(document)

    def incremental_decoder(self) -> IncrementalDecoder:
        """Decodes ids incrementally."""
        return IncrementalDecoder(self.decode)

    def incremental_encoder(self) -> IncrementalEncoder:
        """Encodes bytes or text incrementally."""
        return IncrementalEncoder(self.encode)

    def checked(self, ids: Ids | Sequence[int]) -> Ids:
        """Ids [T] as an array. Raises DataError where one is not in the vocabulary or not an integer."""
        array = np.asarray(ids)
        if array.size == 0:
            return np.zeros(0, self.dtype)
        if array.ndim == 1 and array.dtype.kind in "fO" and all(type(each) is int for each in ids):
            odd = next(each for each in ids if not 0 <= each < self.size)  # beyond 64 bits: not an integer array
            raise DataError(f"tokenizer: there is no id {odd} in a vocabulary of {self.size}; pass its own ids")
        if array.ndim != 1 or array.dtype.kind not in "iu":
            raise DataError(f"tokenizer: {array.dtype} {list(array.shape)} was passed as ids; pass one row of integers")
        if array.min() < 0 or array.max() >= self.size:
            odd = int(array.min() if array.min() < 0 else array.max())
            raise DataError(f"tokenizer: there is no id {odd} in a vocabulary of {self.size}; pass its own ids")
        return array


def load(json_text: str) -> Tokenizer:
    """The tokenizer that a tokenizer.json holds. Raises DataError where no registered kind reads it."""
    document = parse(json_text)
    for _, entry in tokenizers:
        tokenizer = entry.constructor
        if isinstance(tokenizer, type) and issubclass(tokenizer, Tokenizer) and tokenizer.reads(document):
            return tokenizer.from_document(document)
    model = document.get("model")
    model = model.get("type") if isinstance(model, Mapping) else None
    raise DataError(
        f"tokenizer.json: no tokenizer reads a model of type {model!r}; use one of {', '.join(tokenizers.names())}"
    )


def parse(json_text: str) -> Mapping[str, Any]:
    """A parsed tokenizer.json. Raises DataError where it is not a JSON object."""
    try:
        document = json.loads(json_text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"tokenizer.json: it is not JSON ({error}); save the tokenizer again") from error
    if not isinstance(document, dict):
        raise DataError("tokenizer.json: it is not a JSON object; save the tokenizer again")
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

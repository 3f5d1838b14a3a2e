"""Tokenizers that the `tokenizers` library trains and runs: words and subwords."""

import json
import re
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from ostinato.errors import ConfigError, DataError
from ostinato.registry import Vocabulary
from ostinato.text.incremental import (
    ByteWriter,
    GrowingWriter,
    HoldingReader,
    IncrementalDecoder,
    IncrementalEncoder,
    utf,
)
from ostinato.text.tokenizers import END, UNKNOWN, Ids, Tokenizer

Form: TypeAlias = Literal["none", "nfc", "nfkc"]
Unknown: TypeAlias = Literal["token", "error"]

# White space as the library has it; Python's \s also takes four control characters.
SPACES = "\\t\\n\\v\\f\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000"
BOUNDARIES = (END, "<eos>", "<|endoftext|>", "<|end_of_text|>", "<|im_end|>", "[SEP]")
REMEMBERED = 1 << 19
"""The most units whose ids are cached."""
SPACE_MARK = "▁"
LEAST = 300
"""A size that every kind accepts, for a tokenizer that is not trained here."""


class Library(Tokenizer):
    """A tokenizer that wraps a `tokenizers.Tokenizer`. Ids [T] are the model's own, then `</s>` and `special` tokens.

    A text is split into units, which no token crosses, and
    the ids of each unit are cached. A tokenizer.json from elsewhere may have no such units; it encodes a text as a
    whole. Raises ConfigError where `special` has an empty or repeated name.

    Options:
        size: ids in the vocabulary, special tokens among them.
        form: the Unicode normalization of the text.
        lowercase: whether the text is lowercased.
        unknown: how text outside the vocabulary is encoded: as <unk>, as an error, or (unigram) as its bytes.
        special: names of further ids, which no text produces.
    """

    model: ClassVar[str]
    """The model's type in tokenizer.json."""
    unit: ClassVar[re.Pattern[str]]
    """Its matches are the units of a text: the ids of the units, one after another, are those of the text."""

    def __init__(
        self,
        size: Vocabulary,
        form: Form = "none",
        lowercase: bool = False,
        unknown: Unknown = "token",
        special: list[str] | None = None,
    ):
        self.wanted, self.form, self.lowercase = size, form, lowercase
        self.names = [END, *(special or [])]
        if len(set(self.names)) < len(self.names) or "" in self.names:
            raise ConfigError(f"tokenizer.special: {special} repeats a name or {END}, or has an empty one; name others")
        self.unknown_token = UNKNOWN if unknown == "token" else None
        self.library: Any = None
        self.size, self.eos, self.unknown = 0, 0, None

    @abstractmethod
    def empty(self) -> Any:
        """The library's tokenizer before training: model, pre-tokenizer and decoder."""

    @abstractmethod
    def trainer(self, size: int) -> Any:
        """The library's trainer for a model of `size` tokens."""

    def normalizer(self) -> Any:
        """The library's normalizer; None where a text stays as it is."""
        from tokenizers import normalizers

        steps: list[Any] = (
            [] if self.form == "none" else [normalizers.NFC() if self.form == "nfc" else normalizers.NFKC()]
        )
        if self.lowercase:
            steps.append(normalizers.Lowercase())
        return normalizers.Sequence(steps) if steps else None

    @abstractmethod
    def text_of(self, token: str) -> bytes:
        """The UTF-8 bytes that a token of the model adds to a text."""

    def train(self, pieces: Iterable[str]) -> None:
        """As `Tokenizer.train`. Raises DataError where the text has no word, ConfigError where a special token's name
        is also a token of the text."""
        library = self.empty()
        library.normalizer = self.normalizer()
        words = False

        def looked_at() -> Iterator[str]:
            nonlocal words
            for piece in pieces:
                words = words or bool(piece.strip())
                yield piece

        library.train_from_iterator(_stretches(looked_at(), self.unit), self.trainer(self.wanted - len(self.names)))
        if not words or library.get_vocab_size() <= (self.unknown_token is not None):
            raise DataError("tokenizer: the training text has no word; give a longer text")
        learnt = json.loads(library.to_str())
        model = self.finished(learnt["model"])
        taken = [name for name in self.names if name in _tokens(model)]
        if taken:
            raise ConfigError(
                f"tokenizer.special: {taken[0]!r} is also a token of the training text; choose a name like <name>"
            )
        self._take(_read(learnt | {"model": model, "added_tokens": []}))

    def finished(self, model: dict[str, Any]) -> dict[str, Any]:
        """The trained model of a tokenizer.json, changed where a kind needs that."""
        return model

    def _take(self, library: Any, made_here: bool = True) -> None:
        from tokenizers import AddedToken

        if made_here:
            library.add_special_tokens([AddedToken(name, normalized=False, special=True) for name in self.names])
        library.encode_special_tokens = True  # a boundary's name in a text is encoded as characters
        self.library, self.made_here = library, made_here
        self.size = max(library.get_vocab().values()) + 1
        self.eos = library.token_to_id(self.names[0])
        self.unknown = None if self.unknown_token is None else library.token_to_id(self.unknown_token)
        self.special = {name: library.token_to_id(name) for name in self.names}
        tokens = [library.id_to_token(i) or "" for i in range(self.size)]
        hidden = {token.content for token in library.get_added_tokens_decoder().values() if token.special}
        self._shown = tokens
        self._texts = [b"" if token in hidden else self.text_of(token) for token in tokens]
        self._remembered: dict[str, bytes] = {}

    def _ready(self) -> Any:
        if self.library is None:
            raise DataError("tokenizer: it has no vocabulary yet; train it on a text first")
        return self.library

    def normalize(self, text: str) -> str:
        """The text in its normal form, in lower case with `lowercase`. Raises DataError before `train`."""
        normalizer = self._ready().normalizer
        return normalizer.normalize_str(text) if normalizer else text

    def encode(self, text: str) -> Ids:
        """The ids [T] of a text. Raises DataError before `train`, for a lone surrogate, and for what the vocabulary
        lacks where `unknown` is "error"."""
        utf(text, "utf-8")
        library = self._ready()
        if not self.made_here:
            return np.array(library.encode(text, add_special_tokens=False).ids, self.dtype)
        units = self.unit.findall(text)
        remembered = self._remembered
        new = list({unit: None for unit in units if unit not in remembered})
        if new:
            if len(remembered) + len(new) > REMEMBERED:
                remembered.clear()
                new = list(dict.fromkeys(units))
            try:
                encodings = library.encode_batch_fast(new, add_special_tokens=False)
            except Exception as error:  # the library raises plain Exceptions
                raise self._unknown_word(new, error) from None
            remembered.update((unit, np.array(e.ids, self.dtype).tobytes()) for unit, e in zip(new, encodings))
        return np.frombuffer(b"".join(map(remembered.__getitem__, units)), self.dtype)

    def _unknown_word(self, units: list[str], error: Exception) -> DataError:
        for unit in units:
            try:
                self.library.encode(unit, add_special_tokens=False)
            except Exception:
                return DataError(
                    f"text: {unit!r} has characters that the vocabulary lacks; train the tokenizer on a text that has "
                    'them, or with unknown = "token"'
                )
        return DataError(f"text: the tokenizers library does not encode it ({error}); correct the text")

    def spans(self, text: str) -> npt.NDArray[np.int64]:
        """[T 2]: the position of each token in the text, as `Tokenizer.spans`. Raises DataError as `encode` does."""
        utf(text, "utf-8")
        try:
            encoding = self._ready().encode(text, add_special_tokens=False)
        except DataError:
            raise
        except Exception as error:
            raise self._unknown_word(self.unit.findall(text), error) from None
        return np.array(encoding.offsets, np.int64).reshape(-1, 2)

    def decode(self, ids: Ids | Sequence[int]) -> str:
        """As `Tokenizer.decode`; special tokens have no text."""
        ids = self.checked(ids)
        if self.library is not None and not self.made_here:
            text: str = self.library.decode(ids.tolist(), skip_special_tokens=True)
            return text
        return self._raw(ids).decode("utf-8", errors="replace")

    def _raw(self, ids: Ids | Sequence[int]) -> bytes:
        texts = self._texts
        return b"".join([texts[i] for i in self.checked(ids).tolist()])

    def pieces(self, ids: Ids | Sequence[int]) -> list[str]:
        """As `Tokenizer.pieces`: each token's text; a token without text by its name in the vocabulary."""
        shown = []
        for i in self.checked(ids).tolist():
            try:
                shown.append(self._texts[i].decode() or self._shown[i])
            except UnicodeDecodeError:
                shown.append("".join(f"<0x{byte:02X}>" for byte in self._texts[i]))
        return shown

    def count_characters(self, ids: Ids | Sequence[int]) -> int:
        """As `Tokenizer.count_characters`."""
        if not self.made_here:
            return len(self.decode(ids))
        return sum((byte & 0xC0) != 0x80 for byte in self._raw(ids))

    def count_bytes(self, ids: Ids | Sequence[int]) -> int:
        """As `Tokenizer.count_bytes`."""
        return len(self._raw(ids)) if self.made_here else len(self.decode(ids).encode())

    def to_json(self) -> str:
        """The library's tokenizer.json. Raises DataError before `train`."""
        return str(self._ready().to_str(pretty=True))

    @classmethod
    def reads(cls, document: Mapping[str, Any]) -> bool:
        """A model of this type."""
        model = document.get("model")
        return isinstance(model, Mapping) and model.get("type") == cls.model

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """As `Tokenizer.from_document`. Raises DataError where the library does not read it, or where none of its added
        tokens can be the boundary."""
        library = _read(document)
        added = [token.content for token in library.get_added_tokens_decoder().values()]
        boundary = next((name for name in BOUNDARIES if name in added), None)
        if boundary is None:
            raise DataError(
                f"tokenizer.json: none of its added tokens ends a text; add one of {', '.join(BOUNDARIES)} to it"
            )
        tokenizer = cls(LEAST)
        tokenizer.names = [boundary, *(name for name in added if name not in (boundary, UNKNOWN))]
        tokenizer.unknown_token = _unknown_of(document["model"])
        tokenizer._take(library, made_here=boundary == END and _cuts_as(tokenizer.empty(), document))
        return tokenizer

    def incremental_encoder(self) -> IncrementalEncoder:
        """Encodes incrementally: the last unit waits for its end; without units, the whole text does."""
        return HoldingReader(self.encode, self.unit if self.made_here else None)

    def incremental_decoder(self) -> IncrementalDecoder:
        """Decodes ids incrementally."""
        if not self.made_here:
            return GrowingWriter(self.decode)
        return ByteWriter(self._raw)


def _read(document: Mapping[str, Any]) -> Any:
    from tokenizers import Tokenizer as Made

    try:
        return Made.from_str(json.dumps(document))
    except Exception as error:
        raise DataError(f"tokenizer.json: the tokenizers library does not read it ({error}); save it again") from None


def _cuts_as(own: Any, document: Mapping[str, Any]) -> bool:
    """Whether a tokenizer.json, its vocabulary aside, is configured as ours: then no token crosses two units, and the
    ids of a unit do not depend on its position."""
    ours = json.loads(own.to_str())
    same = all(ours[part] == document.get(part) for part in ("pre_tokenizer", "post_processor", "truncation"))
    normalizer = document.get("normalizer") or {"normalizers": []}
    steps = [step.get("type") for step in normalizer.get("normalizers", [normalizer])]
    known = all(step in ("NFC", "NFKC", "Lowercase") for step in steps)
    return same and known and all(token.get("special") for token in document.get("added_tokens", []))


def _tokens(model: Mapping[str, Any]) -> set[str]:
    """The model's vocabulary, which for Unigram is a list with log-probabilities."""
    vocabulary = model["vocab"]
    return set(vocabulary) if isinstance(vocabulary, Mapping) else {token for token, _ in vocabulary}


def _unknown_of(model: Mapping[str, Any]) -> str | None:
    if model.get("type") == "Unigram":
        vocabulary, at = model.get("vocab"), model.get("unk_id")
        if (
            isinstance(vocabulary, list)
            and isinstance(at, int)
            and at < len(vocabulary)
            and not model.get("byte_fallback")
        ):
            return str(vocabulary[at][0])
        return None
    unknown = model.get("unk_token")
    vocabulary = model.get("vocab")
    known = isinstance(vocabulary, Mapping) and unknown in vocabulary
    return str(unknown) if known and not model.get("byte_fallback") else None


def _stretches(pieces: Iterable[str], unit: re.Pattern[str]) -> Iterator[str]:
    """The text in pieces that end where a unit ends, so that training does not depend on how the text was cut."""
    rest = ""
    for piece in pieces:
        text = rest + utf(piece, "utf-8").decode()
        end = 0
        for match in unit.finditer(text):
            end = match.start()
        if end:
            yield text[:end]
        rest = text[end:]
    if rest:
        yield rest

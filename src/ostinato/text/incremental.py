"""Incremental encoders and decoders: text in chunks, cut anywhere, to ids, and ids one by one to text."""

import codecs
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ostinato.errors import DataError, StreamError

LONGEST_UNIT = 1 << 20


def utf(text: str, encoding: str) -> bytes:
    """The text's bytes. Raises DataError where it has a lone surrogate, which is not Unicode text."""
    try:
        return text.encode(encoding)
    except UnicodeEncodeError as error:
        raise DataError(
            f"text: character {error.start} is half of a surrogate pair, which UTF-8 cannot encode; pass valid Unicode"
        ) from error


class IncrementalEncoder:
    """Chunks of UTF-8 to ids: however the bytes are cut, the ids together are those of the whole text.

    This class is for tokenizers that encode each character by itself.
    """

    def __init__(self, encode: Callable[[str], npt.NDArray[Any]]):
        self._encode = encode
        self._decoder = codecs.getincrementaldecoder("utf-8")("strict")
        self._read = 0
        self._closed = False

    def __copy__(self) -> "IncrementalEncoder":
        """An independent encoder that continues from here."""
        other = type(self)(self._encode)
        other._decoder.setstate(self._decoder.getstate())
        other._read, other._closed = self._read, self._closed
        return other

    @property
    def pending(self) -> bytes:
        """The bytes of an incomplete character, at most three."""
        return self._decoder.getstate()[0]

    def read(self, chunk: bytes | str, final: bool = False) -> npt.NDArray[Any]:
        """The ids [T] of all characters that are complete now; `final`: this chunk is the last.

        Raises DataError with the byte offset (from the start of the stream) of what is not UTF-8, and the state stays
        as before the chunk. Raises StreamError after the final chunk.
        """
        if self._closed:
            raise StreamError("encoder: its final chunk was read; make a new encoder for a new text")
        pending = self.pending
        if isinstance(chunk, str) and not pending:
            ids = self._encode(chunk)
            self._read += len(chunk.encode())  # after `encode`, whose error for a lone surrogate is a DataError
            self._closed = final
            return ids
        raw = chunk.encode(errors="surrogatepass") if isinstance(chunk, str) else chunk
        try:
            ids = self._encode(self._decoder.decode(raw, final))
        except DataError:
            self._decoder.setstate((pending, 0))
            raise
        except UnicodeDecodeError as error:
            self._decoder.setstate((pending, 0))
            offset = self._read - len(pending) + error.start
            raise DataError(
                f"text: byte {offset} is not UTF-8 ({error.reason}); convert the text to UTF-8 first"
            ) from error
        self._read += len(raw)
        self._closed = final
        return ids


class HoldingReader(IncrementalEncoder):
    """An IncrementalEncoder for tokenizers whose tokens span characters: the last unit waits until it is complete.

    A text is split into matches of `unit`, across which no token reaches; without `unit`, all of the text waits for its
    end.
    """

    def __init__(self, encode: Callable[[str], npt.NDArray[Any]], unit: re.Pattern[str] | None):
        self._whole, self._unit, self._held, self._final = encode, unit, "", False
        super().__init__(self._complete)

    def __copy__(self) -> "HoldingReader":
        """An independent encoder that continues from here."""
        other = type(self)(self._whole, self._unit)
        other._decoder.setstate(self._decoder.getstate())
        other._read, other._closed, other._held = self._read, self._closed, self._held
        return other

    def read(self, chunk: bytes | str, final: bool = False) -> npt.NDArray[Any]:
        """The ids [T] of all units that are complete now; `final`: this chunk is the last.

        Raises DataError and StreamError as IncrementalEncoder does, and DataError for a unit of more than 2^20
        characters.
        """
        self._final = final
        return super().read(chunk, final)

    def _complete(self, text: str) -> npt.NDArray[Any]:
        utf(text, "utf-8")
        text = self._held + text
        starts = [match.start() for match in self._unit.finditer(text)][-1:] if self._unit else []
        end = len(text) if self._final else starts[0] if starts else 0
        if self._unit and len(text) - end > LONGEST_UNIT:
            raise DataError(
                f"text: there is no white space in {LONGEST_UNIT} characters; give text, or use the byte tokenizer"
            )
        ids = self._whole(text[:end])
        self._held = text[end:]
        return ids


class IncrementalDecoder:
    """Ids to text incrementally, for tokenizers whose every id is whole characters."""

    def __init__(self, decode: Callable[[npt.NDArray[Any]], str]):
        self._decode = decode

    def write(self, ids: int | Sequence[int] | npt.NDArray[Any]) -> str:
        """The characters that are complete now; `ids` is one id or several [T]."""
        return self._decode(np.atleast_1d(np.asarray(ids)))

    def close(self) -> str:
        """The rest of the text, at the end."""
        return ""


class ByteWriter(IncrementalDecoder):
    """An IncrementalDecoder of bytes: an incomplete character waits; bytes that are not UTF-8 give U+FFFD."""

    def __init__(self, to_bytes: Callable[[npt.NDArray[Any]], bytes]):
        self._to_bytes = to_bytes
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def write(self, ids: int | Sequence[int] | npt.NDArray[Any]) -> str:
        """The characters that are complete now; `ids` is one id or several [T]."""
        return self._decoder.decode(self._to_bytes(np.atleast_1d(np.asarray(ids))))

    def close(self) -> str:
        """U+FFFD where a character stayed incomplete, otherwise nothing."""
        return self._decoder.decode(b"", final=True)


class GrowingWriter(IncrementalDecoder):
    """An IncrementalDecoder for tokenizers where the text of an id depends on the ids before it: writes what the newest
    ids add to the text of the last `CONTEXT` ids, once that is whole characters."""

    CONTEXT = 16  # ids

    def __init__(self, decode: Callable[[npt.NDArray[Any]], str]):
        super().__init__(decode)
        self._ids: list[int] = []
        self._written = 0

    def write(self, ids: int | Sequence[int] | npt.NDArray[Any]) -> str:
        """The characters that are complete now; `ids` is one id or several [T]."""
        new = []
        for each in np.atleast_1d(np.asarray(ids)).tolist():
            self._ids.append(each)
            new.append(self._more(final=False))
        return "".join(new)

    def close(self) -> str:
        """The rest of the text, at the end."""
        return self._more(final=True)

    def _more(self, final: bool) -> str:
        text = self._decode(np.array(self._ids, np.int64))
        if text.endswith("\ufffd") and not final:
            return ""
        new, self._written = text[self._written :], len(text)
        if len(self._ids) > 2 * self.CONTEXT:
            self._ids = self._ids[-self.CONTEXT :]
            self._written = len(self._decode(np.array(self._ids, np.int64)))
        return new

"""Reader and Writer: text that comes in chunks, cut anywhere, and ids that come one by one."""

import codecs
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ostinato.errors import DataError, StreamError


class Reader:
    """Chunks of UTF-8 to ids: however the bytes are cut, the ids together are those of the whole text.

    This one is for tokenizers in which each character is encoded by itself.
    """

    def __init__(self, encode: Callable[[str], npt.NDArray[Any]]):
        self._encode = encode
        self._decoder = codecs.getincrementaldecoder("utf-8")("strict")
        self._read = 0
        self._closed = False

    def __copy__(self) -> "Reader":
        """A reader that goes on from here by itself."""
        other = type(self)(self._encode)
        other._decoder.setstate(self._decoder.getstate())
        other._read, other._closed = self._read, self._closed
        return other

    @property
    def pending(self) -> bytes:
        """The start of a character whose end has not come yet: at most three bytes."""
        return self._decoder.getstate()[0]

    def read(self, chunk: bytes | str, final: bool = False) -> npt.NDArray[Any]:
        """The ids [T] of all characters that are complete now; `final` says that nothing comes after this chunk.

        Raises DataError with the byte offset, from the start of the stream, of what is not UTF-8; the refused chunk is
        not taken in. Raises StreamError after the final chunk.
        """
        if self._closed:
            raise StreamError("reader: it was closed by its final chunk; take a new one for a new text")
        pending = self.pending
        if isinstance(chunk, str) and not pending:
            ids = self._encode(chunk)
            self._read += len(chunk.encode())
            self._closed = final
            return ids
        raw = chunk.encode(errors="surrogatepass") if isinstance(chunk, str) else chunk
        try:
            text = self._decoder.decode(raw, final)
        except UnicodeDecodeError as error:
            self._decoder.setstate((pending, 0))
            offset = self._read - len(pending) + error.start
            raise DataError(
                f"text: byte {offset} is not UTF-8 ({error.reason}); convert the text to UTF-8 first"
            ) from error
        self._read += len(raw)
        self._closed = final
        return self._encode(text)


class Writer:
    """Ids to text as they come; here every id is whole characters."""

    def __init__(self, decode: Callable[[npt.NDArray[Any]], str]):
        self._decode = decode

    def write(self, ids: int | Sequence[int] | npt.NDArray[Any]) -> str:
        """The characters that are complete now; ids is one id or a row of them."""
        return self._decode(np.atleast_1d(np.asarray(ids)))

    def close(self) -> str:
        """What was held back."""
        return ""


class ByteWriter(Writer):
    """A Writer of bytes: an incomplete character waits, and what can become none is U+FFFD."""

    def __init__(self, to_bytes: Callable[[npt.NDArray[Any]], bytes]):
        self._to_bytes = to_bytes
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def write(self, ids: int | Sequence[int] | npt.NDArray[Any]) -> str:
        """The characters that are complete now; ids is one id or a row of them."""
        return self._decoder.decode(self._to_bytes(np.atleast_1d(np.asarray(ids))))

    def close(self) -> str:
        """U+FFFD where an incomplete character was held back."""
        return self._decoder.decode(b"", final=True)

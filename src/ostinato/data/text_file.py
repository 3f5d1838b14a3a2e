"""Text: a span of a UTF-8 file, read piece by piece."""

import codecs
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeAlias

from ostinato.errors import DataError

Errors: TypeAlias = Literal["strict", "replace"]

PIECE_BYTES = 1 << 20


@dataclass(frozen=True)
class Text:
    """Bytes `start` … `end` of a file. Bytes that are not UTF-8 raise DataError (`errors` "strict") or become U+FFFD
    ("replace").

    Nothing else is changed: line ends and a leading byte-order mark are characters like any other.
    """

    path: Path
    start: int
    end: int
    errors: Errors = "strict"

    @property
    def size_bytes(self) -> int:
        """The number of bytes of the span."""
        return self.end - self.start

    @cached_property
    def sha256(self) -> str:
        """The SHA-256 of the span's bytes, in hexadecimal."""
        digest = hashlib.sha256()
        for raw in self._raw():
            digest.update(raw)
        return digest.hexdigest()

    def pieces(self, progress: Callable[[int, int], None] | None = None) -> Iterator[str]:
        """The text in pieces of about 1 MiB, cut between characters; `progress` gets the bytes done and those in all.

        Raises DataError with file, line and byte offset where the bytes are not UTF-8 and `errors` is "strict", and
        where the file cannot be read to the end of the span.
        """
        decoder = codecs.getincrementaldecoder("utf-8")(self.errors)
        done = 0
        for raw in self._raw():
            yield self._decoded(decoder, raw, done, done + len(raw) == self.size_bytes)
            done += len(raw)
            if progress is not None:
                progress(done, self.size_bytes)

    def _decoded(self, decoder: codecs.IncrementalDecoder, raw: bytes, done: int, final: bool) -> str:
        pending = len(decoder.getstate()[0])
        try:
            return decoder.decode(raw, final)
        except UnicodeDecodeError as error:
            offset = self.start + done - pending + error.start
            raise DataError(
                f"{self.path}: byte {offset} is not UTF-8 ({error.reason}, in line {self._line(offset)}); convert the "
                'file to UTF-8 (iconv does), or set errors = "replace" in the recipe to read such bytes as U+FFFD'
            ) from error

    def _line(self, offset: int) -> int:
        """The line of the file, from 1, in which a byte stands."""
        number = 1
        with self.path.open("rb") as file:
            while raw := file.read(min(offset, PIECE_BYTES)):
                number, offset = number + raw.count(b"\n"), offset - len(raw)
        return number

    def _raw(self) -> Iterator[bytes]:
        try:
            with self.path.open("rb") as file:
                file.seek(self.start)
                remaining = self.size_bytes
                while remaining:
                    raw = file.read(min(remaining, PIECE_BYTES))
                    if not raw:
                        raise DataError(f"{self.path}: it has become shorter while it was read; start again")
                    remaining -= len(raw)
                    yield raw
        except OSError as error:
            raise DataError(f"{self.path}: it cannot be read ({error.strerror}); check that it is there") from error

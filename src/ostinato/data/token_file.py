"""TokenFile: the token ids of a text on disk, memory-mapped; its length costs no memory."""

import hashlib
import json
import mmap
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from ostinato.data.text_file import Text
from ostinato.errors import DataError
from ostinato.files import replacing
from ostinato.progress import OnProgress, silent
from ostinato.text import Tokenizer

RESIDENT_BYTES = 64 << 20
FAULT_BYTES = 64 << 10  # what the kernel maps around one page that was asked for
CHUNK_TOKENS = 1 << 20


@runtime_checkable
class TokenArray(Protocol):
    """Ids [T]: a TokenFile, or an array."""

    def __len__(self) -> int:
        """The number of ids."""

    def __getitem__(self, span: slice, /) -> npt.NDArray[Any]:
        """A span of the ids, [end − start]."""


@dataclass(frozen=True)
class TokenCounts:
    """The file's description: how much text the ids stand for, and which text and tokenizer they came from.

    `dtype` is that of the ids. `count` includes the boundary before the text; `characters`, `bytes` and `oov` (unknown
    ids) are of the text alone.
    """

    dtype: str
    count: int
    characters: int
    bytes: int
    oov: int
    text_sha256: str
    tokenizer_sha256: str
    errors: str

    def of(self, text: Text, tokenizer_sha256: str) -> bool:
        """Whether the ids are those of this text, by this tokenizer, with the same handling of bad bytes."""
        return (self.text_sha256, self.tokenizer_sha256, self.errors) == (text.sha256, tokenizer_sha256, text.errors)

    def fit(self, path: Path) -> bool:
        """Whether the file exists and has the right size."""
        return path.is_file() and path.stat().st_size == self.count * np.dtype(self.dtype).itemsize


class TokenFile:
    """The ids [T] of a text as one raw array in a file: first the boundary `</s>`, then the tokens of the text.

    Raises DataError where the file cannot be read.
    """

    def __init__(self, path: Path, counts: TokenCounts):
        self.path, self.counts = path, counts
        try:
            with path.open("rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise DataError(f"{path}: its tokens cannot be read ({error}); delete it to have it made again") from error
        self._dtype = np.dtype(counts.dtype)
        self._touched_bytes = 0

    @classmethod
    def build(cls, text: Text, tokenizer: Tokenizer, path: Path, progress: OnProgress = silent) -> "TokenFile":
        """The ids of `text` in the file `path`, described in `path`.json; read where they are there already.

        Memory is constant. A process that is killed leaves no half of it. `progress` counts bytes of text. Raises
        DataError for a text that cannot be read and ResourceError where the disk is full.
        """
        sidecar = path.with_name(f"{path.name}.json")
        tokenizer_sha256 = hashlib.sha256(tokenizer.to_json().encode()).hexdigest()
        counts = _counts(sidecar)
        if counts is not None and counts.of(text, tokenizer_sha256) and counts.fit(path):
            return cls(path, counts)
        sidecar.unlink(missing_ok=True)  # first, so that it never describes ids it was not written for
        counts = _write(text, tokenizer, path, tokenizer_sha256, progress)
        with replacing(sidecar) as file:
            file.write(json.dumps(asdict(counts), indent=2).encode())
        return cls(path, counts)

    @property
    def characters(self) -> int:
        """The number of characters of the text."""
        return self.counts.characters

    @property
    def bytes(self) -> int:
        """The size of the text as UTF-8."""
        return self.counts.bytes

    @property
    def oov(self) -> int:
        """The number of unknown ids."""
        return self.counts.oov

    def __len__(self) -> int:
        return self.counts.count

    def __getitem__(self, span: slice) -> npt.NDArray[np.int64]:
        """A copy [end − start] of a span of ids. Raises IndexError for a span with a step."""
        first, last, step = span.indices(len(self))
        if step != 1:
            raise IndexError("TokenFile: a span has no step; take tokens[a:b]")
        count = max(last - first, 0)
        ids = np.frombuffer(self._map, self._dtype, count, first * self._dtype.itemsize).astype(np.int64)
        self._touch(count * self._dtype.itemsize)
        return ids

    def chunks(self, count: int = CHUNK_TOKENS) -> Iterator[npt.NDArray[np.int64]]:
        """All ids in order, in arrays [count]; the last may be shorter."""
        for first in range(0, len(self), count):
            yield self[first : first + count]

    def _touch(self, size_bytes: int) -> None:
        self._touched_bytes += size_bytes + FAULT_BYTES
        if self._touched_bytes >= RESIDENT_BYTES and hasattr(self._map, "madvise"):
            # Pages stay in the system's cache, but no longer count as this process's memory.
            self._map.madvise(mmap.MADV_DONTNEED)
            self._touched_bytes = 0


def _write(text: Text, tokenizer: Tokenizer, path: Path, tokenizer_sha256: str, progress: OnProgress) -> TokenCounts:
    count, characters, size_bytes, oov = 1, 0, 0, 0
    reader = tokenizer.incremental_encoder()
    with replacing(path) as file:
        file.write(np.array([tokenizer.eos], tokenizer.dtype).tobytes())
        for piece in text.pieces(lambda done, total: progress(f"tokenize {text.path.name}", done, total)):
            ids = reader.read(piece).astype(tokenizer.dtype, copy=False)
            file.write(ids.tobytes())
            count += len(ids)
            characters += len(piece)
            # U+FFFD is longer than the byte it stands for, so only a strict reading keeps the file's own size.
            size_bytes += len(piece.encode()) if text.errors == "replace" else 0
            oov += int(np.count_nonzero(ids == tokenizer.unknown)) if tokenizer.unknown is not None else 0
        ids = reader.read("", final=True)
        file.write(ids.astype(tokenizer.dtype, copy=False).tobytes())
        count += len(ids)
    size_bytes = size_bytes if text.errors == "replace" else text.size_bytes
    return TokenCounts(
        tokenizer.dtype.str, count, characters, size_bytes, oov, text.sha256, tokenizer_sha256, text.errors
    )


def _counts(sidecar: Path) -> TokenCounts | None:
    try:
        counts = TokenCounts(**json.loads(sidecar.read_bytes()))
        return counts if np.dtype(counts.dtype).kind == "u" and counts.count > 0 else None
    except (OSError, ValueError, TypeError):
        return None

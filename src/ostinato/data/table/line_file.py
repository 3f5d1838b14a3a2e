"""Lined: the rows of a text file, found through their index; what a row looks like is its format's affair."""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from ostinato.data.paths import located
from ostinato.data.table.columns import BadRows, Columns, FieldError
from ostinato.data.table.row_index import Index, Met
from ostinato.data.table.rows import Fields, Identities, Row, Rows
from ostinato.errors import DataError
from ostinato.progress import OnProgress

BOM = b"\xef\xbb\xbf"
WIDE = (b"\xff\xfe", b"\xfe\xff")


class Span(NamedTuple):
    """Bytes `start` … `end` of a file, which begin on a line."""

    start: int
    end: int
    line: int


class Format(ABC):
    """How rows stand in a text file. `name` is the file in messages."""

    def __init__(self, name: str, columns: Columns):
        self.name, self.columns = name, columns

    @abstractmethod
    def spans(self, file: BinaryIO) -> Iterator[tuple[Span, bytes]]:
        """Where each row stands, and its bytes. Raises DataError where it cannot be known where rows end."""

    @abstractmethod
    def fields(self, raw: bytes) -> Fields:
        """The checked columns of a row's bytes. Raises FieldError."""

    def how(self) -> Mapping[str, Any]:
        """What else than the columns decides where rows stand and what is in them."""
        return {"format": type(self).__name__}


class LineFile(Rows):
    """Every row is read from the file when it is asked for, by however many threads and processes ask."""

    def __init__(self, path: Path, form: Format, folder: Path, bad_rows: BadRows, progress: OnProgress):
        self.name, self._form = form.name, form
        index = Index.build(
            folder / f"{path.name}.rows", path, self.name, "line", self._met(path), form.columns, bad_rows, form.how(),
            progress,
        )  # fmt: skip
        self._places, self._identities, self.skipped = index.places, index.identities, index.skipped
        self._file = path.open("rb", buffering=0)

    def __len__(self) -> int:
        return len(self._places)

    def row(self, number: int) -> Row:
        """Row `number`, parsed anew."""
        start, end, line = self._places[number].tolist()
        raw = os.pread(self._file.fileno(), end - start, start)  # leaves no position behind that threads would share
        try:
            return Row(self.key(number), self._form.fields(raw))
        except FieldError:
            raise DataError(
                f"{self.name}: line {line}: it is not what it was when the file was read through; start again"
            ) from None

    def key(self, number: int) -> str:
        """The file and the line where row `number` begins."""
        return f"{self.name}:{int(self._places[number, 2])}"

    def identities(self) -> Identities:
        """[N] as the index has them."""
        return self._identities

    def _met(self, path: Path) -> Iterator[Met]:
        with path.open("rb") as file:
            for span, raw in self._form.spans(file):
                try:
                    yield Met(span, self._form.fields(raw), span.end)
                except FieldError as error:
                    yield Met(span, error, span.end)


def opened(name: str, folder: Path, progress: OnProgress) -> Path:
    """The plain file behind `name` (see `located`). Raises DataError where it is empty, or not written in UTF-8."""
    path = located(name, folder, progress)
    with path.open("rb") as file:
        first = file.read(2)
    if not first:
        raise DataError(f"{name}: it is empty; name a file with rows in it")
    if first in WIDE:
        raise DataError(f"{name}: line 1: it begins as UTF-16 does; convert the file to UTF-8")
    return path


def lines(file: BinaryIO) -> Iterator[tuple[Span, bytes]]:
    """Each line with its end; a byte-order mark before the first one is passed over."""
    start = 0
    for number, raw in enumerate(file, 1):
        end = start + len(raw)
        if number == 1 and raw.startswith(BOM):
            start, raw = len(BOM), raw.removeprefix(BOM)
        if raw:
            yield Span(start, end, number), raw
        start = end


def without_end(raw: bytes) -> bytes:
    r"""A line without its \n or \r\n."""
    return raw.removesuffix(b"\n").removesuffix(b"\r")


def no_utf8(raw: bytes, column: str | None, error: UnicodeDecodeError) -> FieldError:
    """What is wrong with a row of another encoding."""
    return FieldError(
        column, f"byte {error.start} of the row (0x{raw[error.start]:02x}) is not UTF-8", "convert the file to UTF-8"
    )


def undecoded(fields: Mapping[str, Any]) -> str | None:
    """The first column with a byte that was no UTF-8, where such were decoded with "surrogateescape"."""
    for name, value in fields.items():
        try:
            str(value).encode()
        except UnicodeEncodeError:
            return name
    return None

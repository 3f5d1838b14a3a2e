"""LineFile: the rows of a text file, found through their index; a Format reads one row."""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from ostinato.data.paths import resolve_file
from ostinato.data.table.columns import BadRows, Columns, FieldError
from ostinato.data.table.row_index import RowIndex, ScannedRow
from ostinato.data.table.rows import Fields, Identities, Row, Rows
from ostinato.errors import DataError
from ostinato.progress import OnProgress

BOM = b"\xef\xbb\xbf"
WIDE = (b"\xff\xfe", b"\xfe\xff")


class Span(NamedTuple):
    """Bytes `start` … `end` of a file; `line` is the one they begin on, from 1."""

    start: int
    end: int
    line: int


class Format(ABC):
    """How rows are written in a text file. `name` is the file in messages."""

    def __init__(self, name: str, columns: Columns):
        self.name, self.columns = name, columns

    @abstractmethod
    def spans(self, file: BinaryIO) -> Iterator[tuple[Span, bytes]]:
        """The span of each row, and its bytes. Raises DataError where the end of a row cannot be found."""

    @abstractmethod
    def fields(self, raw: bytes) -> Fields:
        """The columns of a row's bytes. Raises FieldError where one is missing or has another type."""

    def how(self) -> Mapping[str, Any]:
        """What the spans and the contents of rows depend on, beside the columns; fit for JSON."""
        return {"format": type(self).__name__}


class LineFile(Rows):
    """Rows that are read from the file when they are asked for; any number of threads and processes may read.

    The index is made in `folder`. Raises DataError for a bad row, unless `bad_rows` says to skip them.
    """

    def __init__(self, path: Path, form: Format, folder: Path, bad_rows: BadRows, progress: OnProgress):
        self.name, self._form = form.name, form
        index = RowIndex.build(
            folder / f"{path.name}.rows", path, self.name, "line", self._scan(path), form.columns, bad_rows, form.how(),
            progress,
        )  # fmt: skip
        self._places, self._identities, self.skipped = index.places, index.identities, index.skipped
        self._file = path.open("rb", buffering=0)

    def __len__(self) -> int:
        return len(self._places)

    def row(self, number: int) -> Row:
        """Row `number`, read from the file. Raises DataError where the file has changed."""
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
        """[N], as `Rows` says; from the index."""
        return self._identities

    def _scan(self, path: Path) -> Iterator[ScannedRow]:
        with path.open("rb") as file:
            for span, raw in self._form.spans(file):
                try:
                    yield ScannedRow(span, self._form.fields(raw), span.end)
                except FieldError as error:
                    yield ScannedRow(span, error, span.end)


def utf8_file(name: str, folder: Path, progress: OnProgress) -> Path:
    """The file of `name` (see `resolve_file`). Raises DataError where it is empty or written in UTF-16."""
    path = resolve_file(name, folder, progress)
    with path.open("rb") as file:
        first = file.read(2)
    if not first:
        raise DataError(f"{name}: it is empty; name a file with rows in it")
    if first in WIDE:
        raise DataError(f"{name}: line 1: it begins as UTF-16 does; convert the file to UTF-8")
    return path


def lines(file: BinaryIO) -> Iterator[tuple[Span, bytes]]:
    """Each line with its line end; a byte-order mark before the first line is left out."""
    start = 0
    for number, raw in enumerate(file, 1):
        end = start + len(raw)
        if number == 1 and raw.startswith(BOM):
            start, raw = len(BOM), raw.removeprefix(BOM)
        if raw:
            yield Span(start, end, number), raw
        start = end


def strip_line_end(raw: bytes) -> bytes:
    r"""The bytes of a line without its \n or \r\n."""
    return raw.removesuffix(b"\n").removesuffix(b"\r")


def not_utf8(raw: bytes, column: str | None, error: UnicodeDecodeError) -> FieldError:
    """The error of a row that is written in another encoding."""
    return FieldError(
        column, f"byte {error.start} of the row (0x{raw[error.start]:02x}) is not UTF-8", "convert the file to UTF-8"
    )


def undecoded_column(fields: Mapping[str, Any]) -> str | None:
    """The first column that holds a byte which is not UTF-8, decoded with "surrogateescape"; None where none does."""
    for name, value in fields.items():
        try:
            str(value).encode()
        except UnicodeEncodeError:
            return name
    return None

"""CSV (RFC 4180) and TSV (IANA text/tab-separated-values) as sources: the first line names the columns."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

from ostinato.data.splits import DataSplits, register
from ostinato.data.table.columns import BadRows, Columns, FieldError, parse_cells, require_cell_kinds, require_columns
from ostinato.data.table.line_file import BOM, Format, LineFile, Span, not_utf8, undecoded_column, utf8_file
from ostinato.data.table.rows import Fields, Rows
from ostinato.data.table.splitting import Split, read_splits
from ostinato.errors import ConfigError, DataError
from ostinato.progress import OnProgress, silent

SEARCHED_BYTES: Final = 1 << 16
"""Where in a broken row its column is looked for."""
UNCLOSED: Final = "unexpected end of data"  # as Python's csv module says it
NONE: Columns = {}


@register("csv", example={"path": "builtin:pydoc.csv", "columns": {"topic": "text", "characters": "integer"}})
def comma_separated(
    path: str,
    valid: Split = 0.1,
    test: Split = 0.0,
    columns: Columns = NONE,
    header: Sequence[str] = (),
    delimiter: str = ",",
    bad_rows: BadRows = "refuse",
    seed: int = 1,
    *,
    folder: Path,
    progress: OnProgress = silent,
) -> DataSplits[Rows]:
    """A table with one record a row, its cells separated by commas or another `delimiter`.

    A cell may be quoted with "; it may then hold line ends, and "" for a quote. A cell has at most
    `csv.field_size_limit()` characters. The first line names the columns, unless `header` does, for a file without such
    a line. `columns` names the columns to read and their kinds; without it, all are read as text. `path` is a file as
    in `resolve_file`; .gz and .xz are decompressed into `folder`. `valid` and `test` are files, or shares of the rows
    of `path` (`split_by_hash`, by `seed`). `bad_rows` is "refuse" or "skip". Raises ConfigError for a delimiter or a
    kind that cannot be, and DataError with file, line and column for a bad row.

    Options:
        path: the file to read: a path, `builtin:…` (comes with Python) or `mirror:…` (below the folder OSTINATO_DATA).
        valid: the validation split: a file, or the share of the rows of `path` that becomes it.
        test: the test split: a file, or the share of the rows of `path` that becomes it (0: no such split).
        columns: the columns to take, each with its type; empty takes all.
        header: the names of the columns, for a file whose first line is a row; empty: the first line names them.
        delimiter: the character between cells.
        bad_rows: what to do with a row that cannot be read: stop with its place, or leave it out and count it.
        seed: decides which rows are held out where a split is a share.
    """
    if len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n\0':
        raise ConfigError(f'source.delimiter: {delimiter!r} cannot be one; give one ASCII character other than "')
    return _splits(path, valid, test, columns, header, delimiter, True, bad_rows, seed, folder, progress)


@register("tsv", example={"path": "builtin:pydoc.tsv", "columns": {"topic": "text", "characters": "integer"}})
def tab_separated(
    path: str,
    valid: Split = 0.1,
    test: Split = 0.0,
    columns: Columns = NONE,
    header: Sequence[str] = (),
    bad_rows: BadRows = "refuse",
    seed: int = 1,
    *,
    folder: Path,
    progress: OnProgress = silent,
) -> DataSplits[Rows]:
    """As `csv`, with cells separated by tabs, in which quotes are characters like any other.

    Options:
        path: the file to read: a path, `builtin:…` (comes with Python) or `mirror:…` (below the folder OSTINATO_DATA).
        valid: the validation split: a file, or the share of the rows of `path` that becomes it.
        test: the test split: a file, or the share of the rows of `path` that becomes it (0: no such split).
        columns: the columns to take, each with its type; empty takes all.
        header: the names of the columns, for a file whose first line is a row; empty: the first line names them.
        bad_rows: what to do with a row that cannot be read: stop with its place, or leave it out and count it.
        seed: decides which rows are held out where a split is a share.
    """
    return _splits(path, valid, test, columns, header, "\t", False, bad_rows, seed, folder, progress)


def _splits(
    path: str, valid: Split, test: Split, columns: Columns, header: Sequence[str], delimiter: str, quoted: bool,
    bad_rows: BadRows, seed: int, folder: Path, progress: OnProgress,
) -> DataSplits[Rows]:  # fmt: skip
    require_cell_kinds(columns, "source")

    def read(name: str, folder: Path) -> Rows:
        plain = utf8_file(name, folder, progress)
        form = DelimitedRecords(name, columns, plain, header, delimiter, quoted)
        return LineFile(plain, form, folder, bad_rows, progress)

    return DataSplits(read_splits(read, path, valid, test, seed, folder), folder, progress)


class DelimitedRecords(Format):
    """A row is a record, which spans several lines where a quoted cell does.

    Raises DataError for a header that cannot be read, names a column twice or lacks one of `columns`.
    """

    def __init__(self, name: str, columns: Columns, path: Path, header: Sequence[str], delimiter: str, quoted: bool):
        super().__init__(name, columns)
        self._dialect: dict[str, Any] = {"delimiter": delimiter, "strict": True}
        self._dialect |= {"quotechar": '"'} if quoted else {"quoting": csv.QUOTE_NONE, "quotechar": None}
        self._passed_header = list(header)
        self._header = self._passed_header or self._named(path)
        twice = [column for column in self._header if self._header.count(column) > 1]
        if twice:
            raise DataError(f"{name}: line 1, column '{twice[0]}': it is there twice; rename one of them")
        require_columns(columns, self._header, name if header else f"{name}: line 1")

    def how(self) -> Mapping[str, Any]:
        """The dialect, and the header where one was passed."""
        return {**super().how(), "dialect": repr(self._dialect), "header": self._passed_header}

    def spans(self, file: BinaryIO) -> Iterator[tuple[Span, bytes]]:
        """The records behind the header."""
        records = self._records(file)
        if not self._passed_header:
            next(records)
        return records

    def fields(self, raw: bytes) -> Fields:
        """The cells of a record by column. Raises FieldError for a record of another number of cells."""
        try:
            cells = self._cells(raw.decode())
        except UnicodeDecodeError as error:
            mended = dict(zip(self._header, self._cells(raw.decode(errors="surrogateescape"))))
            raise not_utf8(raw, undecoded_column(mended), error) from None
        if len(cells) != len(self._header):
            self._ragged(cells)
        return parse_cells(dict(zip(self._header, cells)), self.columns)

    def _cells(self, text: str) -> list[str]:
        try:
            cells = next(csv.reader([text], **self._dialect))
        except (csv.Error, StopIteration) as error:  # only where the file has changed since its records were found
            raise FieldError(None, str(error)) from None
        return cells or [""]  # an empty line

    def _ragged(self, cells: Sequence[str]) -> None:
        have, expected = len(cells), len(self._header)
        if cells == [""]:
            raise FieldError(None, "it is empty", "delete the line")
        column = self._header[have] if have < expected else None
        raise FieldError(
            column, f"the row has {have} cells and the header {expected}", f"give every row {expected} cells"
        )

    def _named(self, path: Path) -> list[str]:
        with path.open("rb") as file:
            _, raw = next(self._records(file))
        try:
            return self._cells(raw.decode())
        except UnicodeDecodeError as error:
            raise not_utf8(raw, None, error).at(f"{self.name}: line 1", skippable=False) from None

    def _records(self, file: BinaryIO) -> Iterator[tuple[Span, bytes]]:
        """The end of a record is where Python's csv module stops asking for lines."""
        lines: list[bytes] = []
        start, number = 0, 0

        def feed() -> Iterator[str]:
            nonlocal start
            for raw in file:
                if number == 0 and not lines and raw.startswith(BOM):
                    start, raw = len(BOM), raw.removeprefix(BOM)
                lines.append(raw)
                yield raw.decode(errors="surrogateescape")

        reader = csv.reader(feed(), **self._dialect)
        while True:
            lines.clear()
            try:
                next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise self._broken(b"".join(lines), number + 1, len(lines), str(error)) from None
            raw = b"".join(lines)
            yield Span(start, start + len(raw), number + 1), raw
            start, number = start + len(raw), number + len(lines)

    def _broken(self, raw: bytes, line: int, lines: int, reason: str) -> DataError:
        column, what, advice = None, reason, "correct its quotes"
        if reason == UNCLOSED:
            column = self._last_column(raw[:SEARCHED_BYTES].decode(errors="replace"))
            what = "a quote is opened in the row that begins here and never closed"
            advice = 'close it; where quotes are characters like any other, double them, or take name = "tsv"'
        elif "new-line" in reason:
            what, advice = r"a carriage return (\r) stands inside the row", r"end lines with \n or \r\n, or quote it"
        elif lines > 1:
            what = f"the row from here to line {line + lines - 1} cannot be read ({reason})"
        return FieldError(column, what, advice).at(f"{self.name}: line {line}", skippable=False)

    def _last_column(self, text: str) -> str | None:
        """The column in which an unfinished row breaks off."""
        cells = next(csv.reader([text], **{**self._dialect, "strict": False}), [])
        header: list[str] = getattr(self, "_header", [])  # it may be the header itself that is broken
        return header[len(cells) - 1] if 0 < len(cells) <= len(header) else None

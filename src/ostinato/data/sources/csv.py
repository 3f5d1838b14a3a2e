"""CSV (RFC 4180) and TSV (IANA text/tab-separated-values) as sources: the first line names the columns."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

from ostinato.data.splits import DataSplits, register
from ostinato.data.table.columns import BadRows, Columns, FieldError, from_text, present, writable
from ostinato.data.table.line_file import BOM, Format, LineFile, Span, no_utf8, opened, undecoded
from ostinato.data.table.rows import Fields, Rows
from ostinato.data.table.splitting import Split, read_splits
from ostinato.errors import ConfigError, DataError
from ostinato.progress import OnProgress, silent

LOOKED_AT: Final = 1 << 16
"""Bytes of a broken row in which its column is looked for."""
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
    """Cells between commas or another `delimiter`, quoted with "; a quoted cell may hold line ends, and "" for a quote.

    The first line names the columns, unless `header` does for a file that has no such line. `columns` says which are
    taken and what they must be; without it, all are taken as text. `valid` and `test` are files, or shares of the rows
    of `path` (`split_by_hash`, by `seed`). Raises DataError with file, line and column for what is wrong; a cell has at
    most `csv.field_size_limit()` characters. Names as in `origin.located`; .gz and .xz are decompressed into `folder`.

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
    return _corpora(path, valid, test, columns, header, delimiter, True, bad_rows, seed, folder, progress)


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
    """Cells between tabs, in which quotes are characters like any other; for the rest, as `csv`.

    Options:
        path: the file to read: a path, `builtin:…` (comes with Python) or `mirror:…` (below the folder OSTINATO_DATA).
        valid: the validation split: a file, or the share of the rows of `path` that becomes it.
        test: the test split: a file, or the share of the rows of `path` that becomes it (0: no such split).
        columns: the columns to take, each with its type; empty takes all.
        header: the names of the columns, for a file whose first line is a row; empty: the first line names them.
        bad_rows: what to do with a row that cannot be read: stop with its place, or leave it out and count it.
        seed: decides which rows are held out where a split is a share.
    """
    return _corpora(path, valid, test, columns, header, "\t", False, bad_rows, seed, folder, progress)


def _corpora(
    path: str, valid: Split, test: Split, columns: Columns, header: Sequence[str], delimiter: str, quoted: bool,
    bad_rows: BadRows, seed: int, folder: Path, progress: OnProgress,
) -> DataSplits[Rows]:  # fmt: skip
    writable(columns, "source")

    def read(name: str, folder: Path) -> Rows:
        plain = opened(name, folder, progress)
        return LineFile(plain, Delimited(name, columns, plain, header, delimiter, quoted), folder, bad_rows, progress)

    return DataSplits(read_splits(read, path, valid, test, seed, folder), folder, progress)


class Delimited(Format):
    """A row is a record, over as many lines as its quotes ask for."""

    def __init__(self, name: str, columns: Columns, path: Path, header: Sequence[str], delimiter: str, quoted: bool):
        super().__init__(name, columns)
        self._dialect: dict[str, Any] = {"delimiter": delimiter, "strict": True}
        self._dialect |= {"quotechar": '"'} if quoted else {"quoting": csv.QUOTE_NONE, "quotechar": None}
        self._given = list(header)
        self._header = self._given or self._named(path)
        twice = [column for column in self._header if self._header.count(column) > 1]
        if twice:
            raise DataError(f"{name}: line 1, column '{twice[0]}': it is there twice; rename one of them")
        present(columns, self._header, name if header else f"{name}: line 1")

    def how(self) -> Mapping[str, Any]:
        """The dialect, and the header that was given."""
        return {**super().how(), "dialect": repr(self._dialect), "header": self._given}

    def spans(self, file: BinaryIO) -> Iterator[tuple[Span, bytes]]:
        """Its records behind the header."""
        records = self._records(file)
        if not self._given:
            next(records)
        return records

    def fields(self, raw: bytes) -> Fields:
        """The record's cells by the names of their columns."""
        try:
            cells = self._cells(raw.decode())
        except UnicodeDecodeError as error:
            mended = dict(zip(self._header, self._cells(raw.decode(errors="surrogateescape"))))
            raise no_utf8(raw, undecoded(mended), error) from None
        if len(cells) != len(self._header):
            self._ragged(cells)
        return from_text(dict(zip(self._header, cells)), self.columns)

    def _cells(self, text: str) -> list[str]:
        try:
            found = next(csv.reader([text], **self._dialect))
        except (csv.Error, StopIteration) as error:  # only where the file has changed since its records were found
            raise FieldError(None, str(error)) from None
        return found or [""]  # of a line with nothing on it

    def _ragged(self, cells: Sequence[str]) -> None:
        have, want = len(cells), len(self._header)
        if cells == [""]:
            raise FieldError(None, "it is empty", "delete the line")
        column = self._header[have] if have < want else None
        raise FieldError(column, f"the row has {have} cells and the header {want}", "give every row as many")

    def _named(self, path: Path) -> list[str]:
        with path.open("rb") as file:
            _, raw = next(self._records(file))
        try:
            return self._cells(raw.decode())
        except UnicodeDecodeError as error:
            raise no_utf8(raw, None, error).at(f"{self.name}: line 1", skippable=False) from None

    def _records(self, file: BinaryIO) -> Iterator[tuple[Span, bytes]]:
        """The reader of Python's csv module takes as many lines as a record needs: that is how its end is found."""
        taken: list[bytes] = []
        start, number = 0, 0

        def feed() -> Iterator[str]:
            nonlocal start
            for raw in file:
                if number == 0 and not taken and raw.startswith(BOM):
                    start, raw = len(BOM), raw.removeprefix(BOM)
                taken.append(raw)
                yield raw.decode(errors="surrogateescape")

        reader = csv.reader(feed(), **self._dialect)
        while True:
            taken.clear()
            try:
                next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise self._broken(b"".join(taken), number + 1, len(taken), str(error)) from None
            raw = b"".join(taken)
            yield Span(start, start + len(raw), number + 1), raw
            start, number = start + len(raw), number + len(taken)

    def _broken(self, raw: bytes, line: int, lines: int, said: str) -> DataError:
        column, what, advice = None, said, "correct its quotes"
        if said == UNCLOSED:
            column = self._last(raw[:LOOKED_AT].decode(errors="replace"))
            what = "a quote is opened in the row that begins here and never closed"
            advice = 'close it; where quotes are characters like any other, double them, or take name = "tsv"'
        elif "new-line" in said:
            what, advice = r"a carriage return (\r) stands inside the row", r"end lines with \n or \r\n, or quote it"
        elif lines > 1:
            what = f"the row from here to line {line + lines - 1} cannot be read ({said})"
        return FieldError(column, what, advice).at(f"{self.name}: line {line}", skippable=False)

    def _last(self, text: str) -> str | None:
        """The column in which an unfinished row breaks off."""
        cells = next(csv.reader([text], **{**self._dialect, "strict": False}), [])
        header: list[str] = getattr(self, "_header", [])  # it may be the header itself that is broken
        return header[len(cells) - 1] if 0 < len(cells) <= len(header) else None

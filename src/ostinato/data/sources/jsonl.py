"""JSON Lines as a source: one object a line, its members are the columns (jsonlines.org)."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from ostinato.data.splits import DataSplits, register
from ostinato.data.table.columns import BadRows, Columns, FieldError, read_columns
from ostinato.data.table.line_file import (
    Format,
    LineFile,
    Span,
    lines,
    not_utf8,
    strip_line_end,
    undecoded_column,
    utf8_file,
)  # fmt: skip
from ostinato.data.table.rows import Fields, Rows
from ostinato.data.table.splitting import Split, read_splits
from ostinato.progress import OnProgress, silent

NONE: Columns = {}


@register("jsonl", example={"path": "builtin:pydoc.jsonl", "columns": {"topic": "text", "characters": "integer"}})
def jsonl(
    path: str,
    valid: Split = 0.1,
    test: Split = 0.0,
    columns: Columns = NONE,
    bad_rows: BadRows = "refuse",
    seed: int = 1,
    *,
    folder: Path,
    progress: OnProgress = silent,
) -> DataSplits[Rows]:
    """One JSON object a line, in UTF-8; its members are the columns.

    `path` is a file as in `resolve_file`; .gz and .xz are decompressed into `folder`. `columns` names the members to
    read and their kinds; without it, all are read unchanged. `valid` and `test` are files, or shares of the rows of
    `path` (`split_by_hash`, by `seed`). `bad_rows` is "refuse" or "skip". Raises DataError with file, line and column
    for a bad row.

    Options:
        path: the file to read: a path, `builtin:…` (comes with Python) or `mirror:…` (below the folder OSTINATO_DATA).
        valid: the validation split: a file, or the share of the rows of `path` that becomes it.
        test: the test split: a file, or the share of the rows of `path` that becomes it (0: no such split).
        columns: the members to take, each with its type; empty takes all.
        bad_rows: what to do with a row that cannot be read: stop with its place, or leave it out and count it.
        seed: decides which rows are held out where a split is a share.
    """

    def read(name: str, folder: Path) -> Rows:
        return LineFile(utf8_file(name, folder, progress), JSONLines(name, columns), folder, bad_rows, progress)

    return DataSplits(read_splits(read, path, valid, test, seed, folder), folder, progress)


class JSONLines(Format):
    """One object a line."""

    def spans(self, file: BinaryIO) -> Iterator[tuple[Span, bytes]]:
        """The lines."""
        return lines(file)

    def fields(self, raw: bytes) -> Fields:
        """The members of the object. Raises FieldError for what is not JSON, and for other columns."""
        raw = strip_line_end(raw)
        try:
            text = raw.decode()
        except UnicodeDecodeError as error:
            raise not_utf8(raw, _undecoded_column(raw), error) from None
        return read_columns(_object(text), self.columns)


def _object(text: str) -> dict[str, Any]:
    if not text.strip():
        raise FieldError(None, "it is empty", "delete the line")
    try:
        value = _decoded(text)
    except json.JSONDecodeError as error:
        raise FieldError(None, f"it is not JSON ({error.msg}, at character {error.colno})") from None
    except RecursionError:
        raise FieldError(None, "its lists are nested too deeply to be read") from None
    except ValueError as error:  # an integer of thousands of digits
        raise FieldError(None, f"it cannot be read ({str(error).split(';')[0]})") from None
    if not isinstance(value, dict):
        raise FieldError(None, f"it is not an object of columns but {text[:40]!r}", 'write {"column": value, …}')
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        name = next(name for name in names if names.count(name) > 1)
        raise FieldError(name, "it is there twice", "keep one of them")
    return members


def _no_number(word: str) -> Any:
    raise FieldError(None, f"{word} is not a finite number and not JSON", "write a finite number, or null")


_decoded = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_number).decode


def _undecoded_column(raw: bytes) -> str | None:
    """The column that is not UTF-8, if the rest of the row can be read."""
    try:
        members: Mapping[str, Any] = _object(raw.decode(errors="surrogateescape"))
    except FieldError:
        return None
    return undecoded_column(members)

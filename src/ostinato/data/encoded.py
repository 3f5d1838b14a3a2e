"""EncodedRows: what a task makes of each row, made once and kept on disk."""

import os
from array import array
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from ostinato.data.derived_file import derived_file
from ostinato.data.table.rows import Row, Rows, content_hash
from ostinato.errors import DataError
from ostinato.progress import OnProgress, silent

LAYOUT: Final = 1
"""Goes up when the file's layout changes, so that files of another layout are made again."""
NUMERIC: Final = "biuf"
"""Kinds of dtype that a field may have: boolean, integers, floats."""


class EncodedRow(NamedTuple):
    """A row's `key` (`file:line`), and by name its encoded `fields` [...]: arrays of this row alone, which may be
    changed."""

    key: str
    fields: dict[str, npt.NDArray[Any]]


class EncodedRows(Sequence[EncodedRow]):
    """The encodings of a table's rows, by number.

    They stand in one file, a row's fields side by side, so that a row takes one read and a table may be larger than
    memory; any number of threads may read. In memory are 8 bytes a row for `lengths` [N], the number of elements along
    the first axis of one field (1 for a scalar). `content_hash` is the sha256 (hexadecimal) of the contents of the
    encoded rows in their order: it names the set of rows, whatever their files are called. Raises DataError where the
    file cannot be read.
    """

    def __init__(self, rows: Sequence[Row], path: Path, layout: Mapping[str, Any], length_of: str, content_hash: str):
        self.content_hash = content_hash
        self._rows, self._path = rows, path
        self._fields = {name: _Field(np.dtype(dtype), shape) for name, (dtype, shape) in layout["fields"].items()}
        self._table_offset, self._columns = layout["table_offset"], 1 + len(self._fields)
        try:
            self._file = path.open("rb", buffering=0)
        except OSError as error:
            raise DataError(f"{path}: it cannot be read ({error.strerror}); delete it to have it made again") from error
        self.lengths = self.lengths_of(length_of)

    @classmethod
    def build(
        cls,
        rows: Sequence[Row],
        encode: Callable[[Row], Mapping[str, npt.NDArray[Any]]],
        path: Path,
        how: Mapping[str, Any],
        progress: OnProgress = silent,
        *,
        length_of: str,
    ) -> "EncodedRows":
        """The encodings of `rows`: read from `path` where it was made of the same contents and the same `how`.

        `encode` is called once a row, in order, and must be deterministic. It gives numeric arrays by name: every row
        the same names, each [T ...] of one dtype and one shape behind the first axis, or a scalar []. `how` (fit for
        JSON) names all that the encoding depends on beside the row: the columns, a hash of the tokenizer, the length
        limit. `length_of` is the field that `lengths` measures. `progress` counts rows.

        Raises DataError with the row's key where `encode` does, where the fields of a row differ from those before,
        where one is not numeric, and where there is no row; ResourceError where the disk is full.
        """
        if not len(rows):
            raise DataError(f"{path.name}: there is no row to encode; name data that has some")
        identifier = content_hash(rows)
        origin = {"layout": LAYOUT, "rows": identifier, "count": len(rows), "how": how}
        layout = derived_file(path, origin, lambda file: _write(rows, encode, file, path.name, progress))
        if length_of not in layout["fields"]:
            raise DataError(f"{path.name}: there is no field '{length_of}' to measure; encode it in every row")
        return cls(rows, path, layout, length_of, identifier)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, number: Any) -> Any:
        if isinstance(number, slice):
            return [self._row(each) for each in range(*number.indices(len(self)))]
        if not -len(self) <= number < len(self):
            raise IndexError(f"{self._path.name}: there is no row {number} of {len(self)}")
        return self._row(int(number) % len(self))

    def key(self, number: int) -> str:
        """The key of row `number`, without reading the row."""
        return self._rows.key(number) if isinstance(self._rows, Rows) else self._rows[number].key

    def lengths_of(self, field: str) -> npt.NDArray[np.int64]:
        """[N]: the number of elements along the first axis of `field` in each row; 1 for a scalar."""
        table = np.memmap(self._file, np.int64, "r", self._table_offset, (len(self), self._columns))
        return np.array(table[:, 1 + list(self._fields).index(field)])

    def _row(self, number: int) -> EncodedRow:
        entry_bytes = self._columns * np.dtype(np.int64).itemsize
        entry = self._read(entry_bytes, self._table_offset + number * entry_bytes)
        offset, *lengths = np.frombuffer(entry, np.int64).tolist()
        sizes = [field.size_bytes(length) for field, length in zip(self._fields.values(), lengths)]
        raw = self._read(sum(sizes), offset)
        fields, start = {}, 0
        for (name, field), length, size in zip(self._fields.items(), lengths, sizes):
            fields[name] = field.array(raw[start : start + size], length)
            start += size
        return EncodedRow(self.key(number), fields)

    def _read(self, size_bytes: int, offset: int) -> bytes:
        """Leaves no position behind that threads would share, and meets the end of a shortened file without a crash."""
        raw = os.pread(self._file.fileno(), size_bytes, offset)
        if len(raw) < size_bytes:
            raise DataError(f"{self._path}: it was changed while it was read; start again")
        return raw


class _Field(NamedTuple):
    """The dtype of a field, and its shape behind the first axis; None for a scalar."""

    dtype: np.dtype[Any]
    shape: Sequence[int] | None

    def size_bytes(self, length: int) -> int:
        return length * self.dtype.itemsize * int(np.prod(self.shape or (), dtype=np.int64))

    def array(self, raw: bytes, length: int) -> npt.NDArray[Any]:
        shape = () if self.shape is None else (length, *self.shape)
        return np.frombuffer(raw, self.dtype).reshape(shape).copy()  # what is made of bytes cannot be written to


def _write(
    rows: Sequence[Row], encode: Callable[[Row], Mapping[str, npt.NDArray[Any]]], file: BinaryIO, name: str,
    progress: OnProgress,
) -> dict[str, Any]:  # fmt: skip
    """Each row's fields in turn, then the table [N 1 + F] of each row's offset and the lengths of its fields."""
    fields: dict[str, _Field] = {}
    table, count = array("q"), len(rows)
    every = max(count // 1000, 1)
    for number in range(count):
        row = rows[number]
        encoding = _encoded(row, encode)
        if not fields:
            fields = {each: _field(value) for each, value in encoding.items()}
        _check(row.key, encoding, fields)
        table.append(file.tell())
        for each in fields:
            table.append(len(encoding[each]) if encoding[each].ndim else 1)
            file.write(np.ascontiguousarray(encoding[each]).tobytes())
        if (number + 1) % every == 0 or number + 1 == count:
            progress(f"encode {name}", number + 1, count)
    file.write(bytes(-file.tell() % 8))
    table_offset = file.tell()
    file.write(table.tobytes())
    return {
        "fields": {each: (field.dtype.str, field.shape) for each, field in fields.items()},
        "table_offset": table_offset,
    }


def _encoded(row: Row, encode: Callable[[Row], Mapping[str, npt.NDArray[Any]]]) -> dict[str, npt.NDArray[Any]]:
    try:
        return {name: np.asarray(value) for name, value in encode(row).items()}
    except DataError as error:
        if str(error).startswith(row.key):
            raise
        raise DataError(f"{row.key}: {error}") from error


def _field(value: npt.NDArray[Any]) -> _Field:
    return _Field(value.dtype, value.shape[1:] if value.ndim else None)


def _check(key: str, encoding: Mapping[str, npt.NDArray[Any]], fields: Mapping[str, _Field]) -> None:
    """Raises DataError where a row's encoding does not have these fields."""
    if not fields:
        raise DataError(f"{key}: it is encoded as no field; encode every row as at least one")
    if encoding.keys() != fields.keys():
        raise DataError(
            f"{key}: it is encoded as {', '.join(encoding) or 'no field'}, and the rows before as {', '.join(fields)}; "
            "encode every row as the same fields"
        )
    for name, value in encoding.items():
        if value.dtype.kind not in NUMERIC:
            raise DataError(f"{key}: field '{name}' is encoded as {value.dtype}; encode it as numbers")
        if _field(value) != fields[name]:
            raise DataError(
                f"{key}: field '{name}' is {_shown(_field(value))}, and {_shown(fields[name])} in the rows before; "
                "bring all rows to one width and type"
            )


def _shown(field: _Field) -> str:
    axes = "scalar" if field.shape is None else f"[{' '.join(('T', *map(str, field.shape)))}]"
    return f"{field.dtype} {axes}"

"""Parquet as a source, through the extra `parquet` (pyarrow)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np

from ostinato.data.arrow import arrow
from ostinato.data.derived_file import derived_file, file_origin
from ostinato.data.paths import resolve_file
from ostinato.data.splits import DataSplits, register
from ostinato.data.table.columns import BadRows, Columns, FieldError, read_columns, require_columns
from ostinato.data.table.row_index import RowIndex, ScannedRow
from ostinato.data.table.rows import Identities, Row, Rows
from ostinato.data.table.splitting import Split, read_splits
from ostinato.errors import DataError
from ostinato.progress import OnProgress, silent

ROWS: Final = 1024
"""Rows that are unpacked at once."""
NONE: Columns = {}


@register("parquet", example={"path": "builtin:pydoc.parquet", "columns": {"topic": "text", "characters": "integer"}})
def parquet(
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
    """The rows of a Parquet file; `path` is a file as in `resolve_file`.

    Its row groups are unpacked once, one after the other, into a file of `folder` that is mapped into memory. So a row
    takes one read, however large the file and its groups are; the file needs the disk space of the unpacked columns.
    `columns` names the columns to read and their kinds; without it, all are read unchanged. `valid` and `test` are
    files, or shares of the rows of `path` (`split_by_hash`, by `seed`). `bad_rows` is "refuse" or "skip". Raises
    ConfigError where pyarrow is not installed, and DataError with file, row and column for a bad row.

    Options:
        path: the file to read: a path, `builtin:…` (comes with Python) or `mirror:…` (below the folder OSTINATO_DATA).
        valid: the validation split: a file, or the share of the rows of `path` that becomes it.
        test: the test split: a file, or the share of the rows of `path` that becomes it (0: no such split).
        columns: the columns to take, each with its type; empty takes all.
        bad_rows: what to do with a row that cannot be read: stop with its place, or leave it out and count it.
        seed: decides which rows are held out where a split is a share.
    """

    def read(name: str, folder: Path) -> Rows:
        return ParquetRows(name, columns, folder, bad_rows, progress)

    return DataSplits(read_splits(read, path, valid, test, seed, folder), folder, progress)


class ParquetRows(Rows):
    """The rows of a Parquet file, unpacked into an Arrow file in `folder`."""

    def __init__(self, name: str, columns: Columns, folder: Path, bad_rows: BadRows, progress: OnProgress):
        self.name, self._columns = name, columns
        library = arrow()
        path = resolve_file(name, folder, progress)
        target = folder / f"{path.name}.arrow"
        origin = {**file_origin(path), "columns": list(columns)}
        derived_file(target, origin, lambda file: self._unpack(library, path, file, progress))
        self._batches = library.ipc.open_file(library.memory_map(str(target)))
        self._starts = np.cumsum([0, *(len(self._batch(i)) for i in range(self._batches.num_record_batches))])
        index = RowIndex.build(
            folder / f"{path.name}.rows", path, name, "row", self._scan(), columns, bad_rows, {"format": "parquet"},
            progress,
        )  # fmt: skip
        self._places, self._identities, self.skipped = index.places, index.identities, index.skipped

    def __len__(self) -> int:
        return len(self._places)

    def row(self, number: int) -> Row:
        """Row `number`, from the unpacked file; its key has the row's number in the Parquet file, from 0."""
        place = int(self._places[number, 2])
        batch = int(np.searchsorted(self._starts, place, side="right")) - 1
        (fields,) = self._batch(batch).slice(place - int(self._starts[batch]), 1).to_pylist()
        return Row(self.key(number), read_columns(fields, self._columns))

    def key(self, number: int) -> str:
        """The file and the row's number in it, from 0."""
        return f"{self.name}:{int(self._places[number, 2])}"

    def identities(self) -> Identities:
        """[N], as `Rows` says; from the index."""
        return self._identities

    def _batch(self, number: int) -> Any:
        return self._batches.get_batch(number)

    def _scan(self) -> Iterator[ScannedRow]:
        place, size = 0, self._batches.num_record_batches
        for number in range(size):
            for fields in self._batch(number).to_pylist():
                try:
                    yield ScannedRow((place, place + 1, place), read_columns(fields, self._columns), number)
                except FieldError as error:
                    yield ScannedRow((place, place + 1, place), error, number)
                place += 1

    def _unpack(self, library: Any, path: Path, file: BinaryIO, progress: OnProgress) -> dict[str, Any]:
        try:
            with library.parquet.ParquetFile(path) as packed:
                names = list(packed.schema_arrow.names)
                require_columns(self._columns, names, self.name)
                columns, done, total = list(self._columns) or names, 0, packed.metadata.num_rows
                schema = library.schema([packed.schema_arrow.field(column) for column in columns])
                with library.ipc.new_file(file, schema) as out:
                    for batch in packed.iter_batches(ROWS, columns=columns):
                        out.write_batch(batch.select(columns))
                        done += len(batch)
                        progress(f"unpack {path.name}", done, total)
        except (library.ArrowException, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:  # the disk is at fault, not the file
                raise
            reason = str(error).split("\n")[0].rstrip(".")
            raise DataError(f"{self.name}: it cannot be read as Parquet ({reason}); write or fetch it again") from error
        return {"rows": done}

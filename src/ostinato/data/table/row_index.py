"""RowIndex: where each row of a file stands, on disk and memory-mapped, so that a file may be larger than memory."""

import logging
from array import array
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from ostinato.data.derived_file import derived_file, file_origin
from ostinato.data.table.columns import BadRows, Columns, FieldError
from ostinato.data.table.rows import Fields, Identities, identity
from ostinato.errors import DataError
from ostinato.progress import OnProgress

log = logging.getLogger(__name__)
AT_ONCE = 1 << 14
"""Rows between two writes and two reports of progress."""


class ScannedRow(NamedTuple):
    """A row as the first reading of the file finds it.

    `place` is three numbers by which the row is found again (the third is the line, or the row, that messages name);
    `fields` are its columns, or what is wrong with them; `done` says how much of the file has been read.
    """

    place: tuple[int, int, int]
    fields: Fields | FieldError
    done: int


class RowIndex:
    """`places` [N 3] and `identities` [N] of the valid rows, and how many rows were `skipped`."""

    def __init__(self, path: Path, skipped: int):
        table = np.memmap(path, np.uint64, "r").reshape(-1, 4)
        self.places: npt.NDArray[np.uint64] = table[:, :3]
        self.identities: Identities = table[:, 3]
        self.skipped = skipped

    @classmethod
    def build(
        cls, target: Path, source: Path, name: str, unit: str, rows: Iterable[ScannedRow], columns: Columns,
        bad_rows: BadRows, how: Mapping[str, Any], progress: OnProgress,
    ) -> "RowIndex":  # fmt: skip
        """The index of `source`, read from `target` or made there from `rows`, a first reading of all its rows.

        So what is wrong is known before training begins. `name` is the source in messages, `unit` ("line", "row") what
        the third number of a place counts, `how` what the rows depend on beside the columns. Raises DataError for a bad
        row, unless `bad_rows` says to skip them, and where there is no row.
        """
        total = source.stat().st_size

        def make(file: BinaryIO) -> dict[str, Any]:
            count, skipped, first_error, entries = 0, 0, "", array("Q")
            for row in rows:
                try:
                    if isinstance(row.fields, FieldError):
                        raise row.fields
                    entries.extend((*row.place, identity(row.fields)))
                except FieldError as error:
                    if bad_rows == "refuse":
                        raise error.at(f"{name}: {unit} {row.place[2]}") from None
                    skipped += 1
                    first_error = first_error or str(error.at(f"{unit} {row.place[2]}")).split(";")[0]
                    continue
                count += 1
                if count % AT_ONCE == 0:
                    file.write(entries)
                    entries = array("Q")
                    progress(f"read {source.name}", row.done, total)
            file.write(entries)
            if not count:
                cause = f"; all of its {skipped} rows were left out, the first for {first_error}" if skipped else ""
                raise DataError(f"{name}: it has no row{cause}; name a file that has some")
            progress(f"read {source.name}", total, total)
            return {"skipped": skipped, "first": first_error, "rows": count}

        origin = {**file_origin(source), **how, "columns": list(columns.items()), "bad_rows": bad_rows}
        result = derived_file(target, origin, make)
        if result["skipped"]:
            log.warning(
                "%s: %d of %d rows were left out, the first for %s", name, result["skipped"],
                result["rows"] + result["skipped"], result["first"],
            )  # fmt: skip
        return cls(target, result["skipped"])

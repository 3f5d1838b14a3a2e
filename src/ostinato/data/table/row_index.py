"""Index: where each row of a file stands, on disk and memory-mapped, so that a file may be larger than memory."""

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
"""Rows between two writes, and between two words of progress."""


class Met(NamedTuple):
    """A row as it was met when the file was read through: `place` (three numbers that find it again; the third is the
    line, or the row, that messages name), its fields or what is wrong with it, and how much of the file is done."""

    place: tuple[int, int, int]
    fields: Fields | FieldError
    done: int


class Index:
    """`places` [N 3] of the sound rows, and how many were `skipped`."""

    def __init__(self, path: Path, skipped: int):
        table = np.memmap(path, np.uint64, "r").reshape(-1, 4)
        self.places: npt.NDArray[np.uint64] = table[:, :3]
        self.identities: Identities = table[:, 3]
        self.skipped = skipped

    @classmethod
    def build(
        cls, target: Path, source: Path, name: str, unit: str, rows: Iterable[Met], columns: Columns, bad_rows: BadRows,
        how: Mapping[str, Any], progress: OnProgress,
    ) -> "Index":  # fmt: skip
        """The index of `source` in `target`, which is read through (`rows`) unless the index is there already.

        Every row is looked at once: what is wrong is known before anything begins. `name` is the source in messages,
        `unit` what the third number of a place counts. Raises DataError for a bad row (unless they are to be skipped),
        and where there is no row.
        """
        total = source.stat().st_size

        def make(file: BinaryIO) -> dict[str, Any]:
            count, skipped, first, waiting = 0, 0, "", array("Q")
            for met in rows:
                try:
                    if isinstance(met.fields, FieldError):
                        raise met.fields
                    waiting.extend((*met.place, identity(met.fields)))
                except FieldError as error:
                    if bad_rows == "refuse":
                        raise error.at(f"{name}: {unit} {met.place[2]}") from None
                    skipped, first = skipped + 1, first or error.at(f"{unit} {met.place[2]}").args[0].split(";")[0]
                    continue
                count += 1
                if count % AT_ONCE == 0:
                    file.write(waiting)
                    waiting = array("Q")
                    progress(f"read {source.name}", met.done, total)
            file.write(waiting)
            if not count:
                left = f"; all of its {skipped} rows were left out, the first for {first}" if skipped else ""
                raise DataError(f"{name}: it has no row{left}; name a file that has some")
            progress(f"read {source.name}", total, total)
            return {"skipped": skipped, "first": first, "rows": count}

        origin = {**file_origin(source), **how, "columns": list(columns.items()), "bad_rows": bad_rows}
        result = derived_file(target, origin, make)
        if result["skipped"]:
            log.warning(
                "%s: %d of %d rows were left out, the first for %s", name, result["skipped"],
                result["rows"] + result["skipped"], result["first"],
            )  # fmt: skip
        return cls(target, result["skipped"])

"""InMemoryRows: dicts as rows, from Python."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from ostinato.data.table.columns import BadRows, Columns, FieldError, read_columns, require_kinds
from ostinato.data.table.rows import Fields, Identities, Row, Rows, identity
from ostinato.errors import DataError

log = logging.getLogger(__name__)
NONE: Columns = {}


@runtime_checkable
class IndexableRows(Protocol):
    """Rows by number: the two methods that also sequences of other libraries have."""

    def __len__(self) -> int:
        """The number of rows."""

    def __getitem__(self, number: int, /) -> Any:
        """Row `number`, a dict."""


class InMemoryRows(Rows):
    """Dicts as rows. A sequence is read by number where it is (it may be larger than memory); another iterable is kept.

    `columns` names the fields to read and their kinds; without it, all are read unchanged. Every row is checked once
    when this is made. `bad_rows` is "refuse" or "skip". `keys` [N] are the keys of the rows; without them a key is
    `name:number`, from 0. Raises DataError with number and column for a bad row, and where there is no row; ConfigError
    for a value of `bad_rows` or a kind of column that does not exist.

    As data of a task: `DataSplits({"train": InMemoryRows(mine), "valid": InMemoryRows(yours)}, folder)`, or
    `split_by_hash(InMemoryRows(mine), …)`.
    """

    def __init__(
        self,
        items: Iterable[Any] | IndexableRows,
        columns: Columns = NONE,
        name: str = "rows",
        bad_rows: BadRows = "refuse",
        *,
        keys: Sequence[str] | None = None,
    ):
        require_kinds(columns, bad_rows, name)
        self.name, self._columns, self._keys = name, columns, keys
        self._items: IndexableRows = items if isinstance(items, IndexableRows) else list(items)
        count = len(self._items)
        valid, identities, first_error = [], [], ""
        for number in range(count):
            try:
                identities.append(identity(self._fields(number)))
                valid.append(number)
            except FieldError as error:
                bad_row = error.at(f"{name}: row {number}")
                if bad_rows == "refuse":
                    raise bad_row from None
                first_error = first_error or str(bad_row).split(";")[0]
        self._places, self._identities = np.array(valid, np.int64), np.array(identities, np.uint64)
        self.skipped = count - len(valid)
        if not valid:
            raise DataError(
                f"{name}: there is no row{f' but bad ones ({first_error})' if first_error else ''}; pass some"
            )
        if self.skipped:
            log.warning("%s: %d of %d rows were left out, the first for %s", name, self.skipped, count, first_error)

    def __len__(self) -> int:
        return len(self._places)

    def row(self, number: int) -> Row:
        """Row `number`. Raises DataError where the sequence has changed."""
        place = int(self._places[number])
        try:
            return Row(self.key(number), self._fields(place))
        except FieldError as error:  # only where a sequence changes under our eyes
            raise error.at(f"{self.name}: row {place}", skippable=False) from None

    def key(self, number: int) -> str:
        """The key of row `number`."""
        place = int(self._places[number])
        return self._keys[place] if self._keys else f"{self.name}:{place}"

    def identities(self) -> Identities:
        """[N], as `Rows` says; of the rows as they were checked."""
        return self._identities

    def _fields(self, number: int) -> Fields:
        item = self._items[number]
        if not isinstance(item, Mapping):
            raise FieldError(None, f"it is a {type(item).__name__}, not a dict of columns", "give dicts")
        return read_columns(item, self._columns)

"""Held: any iterable of dicts as rows, from Python."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from ostinato.data.table.columns import BadRows, Columns, FieldError, checked, known
from ostinato.data.table.rows import Fields, Identities, Row, Rows, identity
from ostinato.errors import DataError

log = logging.getLogger(__name__)
NONE: Columns = {}


@runtime_checkable
class IndexableRows(Protocol):
    """Rows by number. Not every sequence says that it is one: those of other libraries only have the two methods."""

    def __len__(self) -> int:
        """How many."""

    def __getitem__(self, number: int, /) -> Any:
        """Row `number`, a dict."""


class InMemoryRows(Rows):
    """Dicts as rows: a sequence is read where it is (it may be larger than memory), any other iterable is held.

    `columns` says which fields are taken and what they must be; without it, all are taken as they are. Every row is
    looked at once. `keys` names the rows, whose keys else are `name:number` from 0. Raises DataError with the row's
    number and column for what is wrong, and where there is no row; ConfigError for a `bad_rows` or a kind of column
    that does not exist.

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
        known(columns, bad_rows, name)
        self.name, self._columns, self._keys = name, columns, keys
        self._items: IndexableRows = items if isinstance(items, IndexableRows) else list(items)
        count = len(self._items)
        sound, identities, first = [], [], ""
        for number in range(count):
            try:
                identities.append(identity(self._fields(number)))
                sound.append(number)
            except FieldError as error:
                wrong = error.at(f"{name}: row {number}")
                if bad_rows == "refuse":
                    raise wrong from None
                first = first or str(wrong).split(";")[0]
        self._sound, self._identities = np.array(sound, np.int64), np.array(identities, np.uint64)
        self.skipped = count - len(sound)
        if not sound:
            raise DataError(f"{name}: there is no row{f' but bad ones ({first})' if first else ''}; give some")
        if self.skipped:
            log.warning("%s: %d of %d rows were left out, the first for %s", name, self.skipped, count, first)

    def __len__(self) -> int:
        return len(self._sound)

    def row(self, number: int) -> Row:
        """Row `number`, checked anew."""
        place = int(self._sound[number])
        try:
            return Row(self.key(number), self._fields(place))
        except FieldError as error:  # only where a sequence changes under our eyes
            raise error.at(f"{self.name}: row {place}", skippable=False) from None

    def key(self, number: int) -> str:
        """As given, or `name:number`."""
        place = int(self._sound[number])
        return self._keys[place] if self._keys else f"{self.name}:{place}"

    def identities(self) -> Identities:
        """[N] as they were when the rows were looked at."""
        return self._identities

    def _fields(self, number: int) -> Fields:
        item = self._items[number]
        if not isinstance(item, Mapping):
            raise FieldError(None, f"it is a {type(item).__name__}, not a dict of columns", "give dicts")
        return checked(item, self._columns)

"""Row and Rows: the examples of a table, by number."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from ostinato.data.table.columns import FieldError

Fields: TypeAlias = Mapping[str, Any]
Identities: TypeAlias = npt.NDArray[np.uint64]


class Row(NamedTuple):
    """One example: `key` is its place (`file:line` or `name:number`), `fields` are its columns by name."""

    key: str
    fields: Fields


class Rows(Sequence[Row], ABC):
    """Rows by number, in the order of their source; a row that was read is not kept in memory.

    `name` is what messages call them, `skipped` the number of bad rows that were left out.
    """

    name: str
    skipped: int = 0

    @abstractmethod
    def row(self, number: int) -> Row:
        """Row `number`, from 0. Raises DataError where its source is not what it was."""

    @abstractmethod
    def identities(self) -> Identities:
        """[N] hashes by which rows are split: equal rows have equal ones, wherever they stand."""

    def fingerprints(self) -> Identities:
        """[N] hashes of all that is in each row, and in the file that a row is: what an encoding depends on."""
        return self.identities()

    def key(self, number: int) -> str:
        """The key of row `number`, without reading the row where that is possible."""
        return self.row(number).key

    def __getitem__(self, number: Any) -> Any:
        if isinstance(number, slice):
            return [self.row(each) for each in range(*number.indices(len(self)))]
        if not -len(self) <= number < len(self):
            raise IndexError(f"{self.name}: there is no row {number} of {len(self)}")
        return self.row(int(number) % len(self))


class Subset(Rows):
    """The rows `numbers` [N] of other rows; `skipped` is the share of their skipped rows that is counted here."""

    def __init__(self, rows: Rows, numbers: npt.NDArray[np.int64], skipped: int = 0):
        self.name, self._rows, self._numbers, self.skipped = rows.name, rows, numbers, skipped

    def __len__(self) -> int:
        return len(self._numbers)

    def row(self, number: int) -> Row:
        """Row `number` of those that were chosen."""
        return self._rows.row(int(self._numbers[number]))

    def identities(self) -> Identities:
        """[N] of the chosen rows."""
        return self._rows.identities()[self._numbers]

    def fingerprints(self) -> Identities:
        """[N] of the chosen rows."""
        return self._rows.fingerprints()[self._numbers]

    def key(self, number: int) -> str:
        """The key of row `number` of those that were chosen."""
        return self._rows.key(int(self._numbers[number]))


def identity(fields: Fields) -> int:
    """64 bits of what is in a row: BLAKE2b of its fields as JSON, sorted by name.

    Raises FieldError where JSON cannot hold them: NaN and infinity, names that are not text, lists that hold
    themselves.
    """
    try:
        text = _to_strict_json(fields)
    except (TypeError, ValueError, RecursionError) as error:
        for name, value in fields.items():
            if _infinite(value):
                shown = repr(value) if isinstance(value, float) else "a number in it"
                raise FieldError(name, f"{shown} is not finite", "write a finite number, or null") from None
        raise FieldError(None, f"it cannot be written as JSON ({error})", "give names that are texts") from None
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def content_hash(rows: Sequence[Row]) -> str:
    """The sha256, in hexadecimal, of the rows' contents in their order; their keys are no part of it.

    Raises DataError where a row cannot be written as JSON.
    """
    if isinstance(rows, Rows):
        fingerprints = rows.fingerprints()
    else:
        fingerprints = np.array([_identity_of(row) for row in rows], np.uint64)
    return hashlib.sha256(fingerprints.astype("<u8").tobytes()).hexdigest()


def _identity_of(row: Row) -> int:
    try:
        return identity(row.fields)
    except FieldError as error:
        raise error.at(row.key, skippable=False) from None


def to_json(value: Any) -> Any:
    """A value that JSON cannot hold in a form that it can: arrays as lists, bytes in hexadecimal, the rest as text."""
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else str(value)


def _infinite(value: Any) -> bool:
    """Whether it holds NaN or infinity, which JSON cannot write."""
    try:
        _to_lenient_json(value)
    except (TypeError, ValueError, RecursionError):
        return False
    try:
        _to_strict_json(value)
    except ValueError:
        return True
    return False


_to_strict_json = json.JSONEncoder(sort_keys=True, default=to_json, allow_nan=False).encode
_to_lenient_json = json.JSONEncoder(sort_keys=True, default=to_json).encode

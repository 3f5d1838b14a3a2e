"""Row and Rows: the examples of a table, by number; and how a table without splits of its own is cut into some."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from ostinato.data.table.columns import FieldError
from ostinato.errors import ConfigError, DataError
from ostinato.registry import Share

Fields: TypeAlias = Mapping[str, Any]
Identities: TypeAlias = npt.NDArray[np.uint64]
Split: TypeAlias = str | Share
"""A file of its own, or a share of the rows."""

# SplitMix64 (Steele, Lea and Flood, 2014): the golden step, and its two multipliers.
GOLDEN: Final = 0x9E3779B97F4A7C15
FIRST, SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
WORD: Final = (1 << 64) - 1


class Row(NamedTuple):
    """One example: `key` says where it stands (`file:line`), `fields` are its columns by name."""

    key: str
    fields: Fields


class Rows(Sequence[Row], ABC):
    """Rows reachable by number, in the order of their source; reading one leaves nothing behind.

    `name` is what they are called in messages, `skipped` how many were left out because something was wrong with them.
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
    """Some of the rows of others: `numbers` [N]; `skipped` of those others it has to answer for."""

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

    Raises FieldError where they cannot be written so: NaN and infinity, names that are no text, lists that hold
    themselves.
    """
    try:
        written = _written(fields)
    except (TypeError, ValueError, RecursionError) as error:
        for name, value in fields.items():
            if _infinite(value):
                said = repr(value) if isinstance(value, float) else "a number in it"
                raise FieldError(name, f"{said} is not finite", "write a finite number, or null") from None
        raise FieldError(None, f"it cannot be written as JSON ({error})", "give names that are texts") from None
    return int.from_bytes(hashlib.blake2b(written.encode(), digest_size=8).digest(), "little")


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


def divided(rows: Rows, shares: Mapping[str, float], seed: int = 1) -> dict[str, Rows]:
    """`train` and a split for each share: which one a row is in depends on the seed and its own content alone.

    So equal rows are never in two splits, and a row stays in its split wherever it stands and whatever is added. Shares
    are therefore met on average only. The rule: SplitMix64 of identity + seed, as a number u in [0, 1), falls into the
    shares one after the other, and behind them into `train`. Rows that were left out have no split; `train` counts
    them. Raises ConfigError where the shares leave nothing, and DataError where a split gets no row.
    """
    shares = {name: share for name, share in shares.items() if share}
    if sum(shares.values()) >= 1:
        raise ConfigError(
            f"source.{', source.'.join(shares)}: shares of {' and '.join(f'{share:g}' for share in shares.values())} "
            "leave nothing to train on; make their sum less than 1"
        )
    if not shares:
        return {"train": rows}
    ends = np.cumsum(list(shares.values()))
    found = np.searchsorted(ends, _uniform(rows.identities(), seed), side="right")
    names = [*shares, "train"]
    splits = {
        name: Subset(rows, np.flatnonzero(found == number), rows.skipped if name == "train" else 0)
        for number, name in enumerate(names)
    }
    for name in ("train", *shares):
        if not len(splits[name]):
            raise DataError(
                f"{rows.name}: none of its {len(rows)} rows falls into {name} (equal rows stay together); add rows, "
                f"give {name} a file of its own or a larger share, or choose another seed"
            )
    return {name: splits[name] for name in ("train", *shares)}


def in_splits(
    read: Callable[[str, Path], Rows], path: str, valid: Split, test: Split, seed: int, folder: Path
) -> dict[str, Rows]:
    """`train`, and `valid` and `test` where they are asked for: files of their own, or shares of `path`'s rows.

    `read` gets a file's name and the folder for what is derived from it. A share of 0 leaves the split out.
    """
    others = {"valid": valid, "test": test}
    shares = {name: share for name, share in others.items() if not isinstance(share, str)}
    splits = divided(read(path, folder / "train"), shares, seed)
    splits |= {name: read(file, folder / name) for name, file in others.items() if isinstance(file, str)}
    return {name: splits[name] for name in ("train", "valid", "test") if name in splits}


def _uniform(identities: Identities, seed: int) -> npt.NDArray[np.float64]:
    """[N] in [0, 1)."""
    with np.errstate(over="ignore"):
        z = identities + np.uint64((seed + 1) * GOLDEN & WORD)
        z = (z ^ (z >> np.uint64(30))) * FIRST
        z = (z ^ (z >> np.uint64(27))) * SECOND
        z ^= z >> np.uint64(31)
    return (z >> np.uint64(11)).astype(np.float64) / float(1 << 53)


def plain(value: Any) -> Any:
    """What JSON takes, of a value that it does not: arrays as lists, bytes in hexadecimal, anything else as text."""
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else str(value)


def _infinite(value: Any) -> bool:
    """Whether it holds a number that JSON has not."""
    try:
        _lenient(value)
    except (TypeError, ValueError, RecursionError):
        return False
    try:
        _written(value)
    except ValueError:
        return True
    return False


_written = json.JSONEncoder(sort_keys=True, default=plain, allow_nan=False).encode
_lenient = json.JSONEncoder(sort_keys=True, default=plain).encode

"""Columns: what each field of a row must be, and the sentence to be said where one is not."""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from ostinato.errors import ConfigError, DataError
from ostinato.registry import nearest

ColumnKind: TypeAlias = Literal["text", "integer", "number", "boolean", "texts", "integers", "numbers", "any"]
"""What a field is; the plural is a list of such. A number is finite, an integer has at most 64 bits."""
Columns: TypeAlias = Mapping[str, ColumnKind]
BadRows: TypeAlias = Literal["refuse", "skip"]
"""What becomes of a row with something wrong in it: a DataError, or it is left out, counted and said."""

INTEGER = re.compile(r"[+-]?[0-9]+")
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
SHOWN = 40


class FieldError(Exception):
    """Something is wrong with one row, in `column` if that is known; who raises it does not know where the row is."""

    def __init__(self, column: str | None, what: str, advice: str = "correct it"):
        self.column, self.what, self.advice = column, what, advice
        super().__init__(what)

    def at(self, where: str, skippable: bool = True) -> DataError:
        """What to raise for the row that stands at `where`."""
        column = f", column '{self.column}'" if self.column is not None else ""
        skip = ', or leave such rows out with bad_rows = "skip"' if skippable else ""
        return DataError(f"{where}{column}: {self.what}; {self.advice}{skip}")


def checked(fields: Mapping[str, Any], columns: Columns) -> dict[str, Any]:
    """The fields that `columns` names, each as its kind; all of them, as they are, where it names none.

    Raises FieldError for a column that is missing or holds something else.
    """
    if not columns:
        return dict(fields)
    found = {}
    for name, kind in columns.items():
        if name not in fields:
            raise FieldError(name, f"the row has no such column; {_hint(name, list(fields))}")
        try:
            found[name] = KINDS[kind](fields[name])
        except FieldError as error:
            raise FieldError(name, error.what, error.advice) from None
    return found


def from_text(cells: Mapping[str, str], columns: Columns) -> dict[str, Any]:
    """The same of a row whose fields are written as text, as in CSV."""
    if not columns:
        return dict(cells)
    found: dict[str, Any] = {}
    for name, kind in columns.items():
        try:
            found[name] = WRITTEN[kind](cells[name])
        except FieldError as error:
            raise FieldError(name, error.what, error.advice) from None
    return found


def known(columns: Columns, bad_rows: BadRows, at: str) -> None:
    """Raises ConfigError for a kind of column, or a way with bad rows, that does not exist."""
    wrong = [f"{at}.columns.{name}: there is no kind '{kind}'; {nearest(str(kind), list(KINDS))}"
             for name, kind in columns.items() if kind not in KINDS]  # fmt: skip
    ways = get_args(BadRows)
    if bad_rows not in ways:
        wrong.append(f"{at}.bad_rows: there is no '{bad_rows}'; {nearest(str(bad_rows), list(ways))}")
    if wrong:
        raise ConfigError(wrong)


def writable(columns: Columns, at: str) -> None:
    """Raises ConfigError where some column cannot be written as text in a cell."""
    lists = [f"{at}.columns.{name}: a cell holds no list; say {_words(WRITTEN)}" for name in columns
             if columns[name] not in WRITTEN]  # fmt: skip
    if lists:
        raise ConfigError(lists)


def present(columns: Columns, names: Sequence[str], where: str) -> None:
    """Raises DataError where the file at `where`, whose columns are `names`, lacks one of `columns`."""
    for name in columns:
        if name not in names:
            raise DataError(f"{where}: there is no column '{name}'; {_hint(name, names)}")


def _hint(name: str, names: Sequence[str]) -> str:
    hint = nearest(name, list(names))
    return hint if hint.startswith("did you mean") else f"its columns are {', '.join(names) or 'none'}"


def _words(names: Iterable[str]) -> str:
    *rest, last = names
    return f"{', '.join(rest)} or {last}"


def _shown(value: Any) -> str:
    said = repr(value)
    return said if len(said) <= SHOWN else f"{said[:SHOWN]}…"


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise FieldError(None, f"{_shown(value)} is no text", "write a text between quotes")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise FieldError(None, f"character {error.start} is half a surrogate pair") from None
    return value


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise FieldError(None, f"{_shown(value)} is no integer", "write a whole number")
    if not -(1 << 63) <= value < 1 << 63:
        raise FieldError(None, f"{_shown(value)} does not fit 64 bits", "write a smaller number")
    return int(value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise FieldError(None, f"{_shown(value)} is no number", "write a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise FieldError(None, f"{_shown(value)} is not finite", "write a finite number")
    return number


def _boolean(value: Any) -> bool:
    if not isinstance(value, (bool, np.bool_)):
        raise FieldError(None, f"{_shown(value)} is neither true nor false", "write one of them")
    return bool(value)


def _list(of: Callable[[Any], Any]) -> Callable[[Any], list[Any]]:
    def check(value: Any) -> list[Any]:
        if isinstance(value, str) or not isinstance(value, (Sequence, np.ndarray)):
            raise FieldError(None, f"{_shown(value)} is no list", "write a list")
        found = []
        for number, item in enumerate(value):
            try:
                found.append(of(item))
            except FieldError as error:
                raise FieldError(None, f"item {number}: {error.what}", error.advice) from None
        return found

    return check


def _written_integer(cell: str) -> int:
    if not INTEGER.fullmatch(cell):
        raise FieldError(None, f"{_shown(cell)} is no integer", "write a whole number")
    return _integer(int(cell) if len(cell) < SHOWN else 1 << 64)


def _written_number(cell: str) -> float:
    if not NUMBER.fullmatch(cell):
        finite = cell.strip().lower().lstrip("+-") not in ("nan", "inf", "infinity")
        raise FieldError(None, f"{_shown(cell)} is {'no number' if finite else 'not finite'}", "write a finite number")
    return _number(float(cell))


def _written_boolean(cell: str) -> bool:
    if cell not in ("true", "false"):
        raise FieldError(None, f"{_shown(cell)} is neither true nor false", "write one of them")
    return cell == "true"


KINDS: dict[ColumnKind, Callable[[Any], Any]] = {
    "text": _text,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "texts": _list(_text),
    "integers": _list(_integer),
    "numbers": _list(_number),
    "any": lambda value: value,
}
WRITTEN: dict[ColumnKind, Callable[[str], Any]] = {
    "text": str,
    "integer": _written_integer,
    "number": _written_number,
    "boolean": _written_boolean,
}

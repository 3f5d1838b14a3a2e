"""Columns: the kind of each field of a row, and the sentence for a field of another kind."""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from ostinato.errors import ConfigError, DataError
from ostinato.registry import nearest

ColumnKind: TypeAlias = Literal["text", "integer", "number", "boolean", "texts", "integers", "numbers", "any"]
"""The kind of a field; a plural is a list of them. A number is finite, an integer has at most 64 bits."""
Columns: TypeAlias = Mapping[str, ColumnKind]
BadRows: TypeAlias = Literal["refuse", "skip"]
"""What happens to a bad row: "refuse" raises a DataError, "skip" leaves the row out, counts it and logs a warning."""

INTEGER = re.compile(r"[+-]?[0-9]+")
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
SHOWN = 40


class FieldError(Exception):
    """What is wrong with one row, in `column` where that is known, and what to do. `at` adds where the row is."""

    def __init__(self, column: str | None, what: str, advice: str = "correct it"):
        self.column, self.what, self.advice = column, what, advice
        super().__init__(what)

    def at(self, where: str, skippable: bool = True) -> DataError:
        """The DataError for the row at `where` (such as `file: line 3`); `skippable` offers to skip such rows."""
        column = f", column '{self.column}'" if self.column is not None else ""
        skip = ', or leave such rows out with bad_rows = "skip"' if skippable else ""
        return DataError(f"{where}{column}: {self.what}; {self.advice}{skip}")


def read_columns(fields: Mapping[str, Any], columns: Columns) -> dict[str, Any]:
    """The fields that `columns` names, each as a value of its kind; all fields unchanged where it names none.

    Raises FieldError for a column that is missing or of another kind.
    """
    if not columns:
        return dict(fields)
    values = {}
    for name, kind in columns.items():
        if name not in fields:
            raise FieldError(name, f"the row has no such column; {_hint(name, list(fields))}")
        try:
            values[name] = KINDS[kind](fields[name])
        except FieldError as error:
            raise FieldError(name, error.what, error.advice) from None
    return values


def parse_cells(cells: Mapping[str, str], columns: Columns) -> dict[str, Any]:
    """`read_columns` for a row whose fields are text, as in CSV. Raises FieldError for text of another kind."""
    if not columns:
        return dict(cells)
    values: dict[str, Any] = {}
    for name, kind in columns.items():
        try:
            values[name] = CELL_KINDS[kind](cells[name])
        except FieldError as error:
            raise FieldError(name, error.what, error.advice) from None
    return values


def require_kinds(columns: Columns, bad_rows: BadRows, at: str) -> None:
    """Raises ConfigError for a kind of column, or a value of `bad_rows`, that does not exist."""
    wrong = [f"{at}.columns.{name}: there is no kind '{kind}'; {nearest(str(kind), list(KINDS))}"
             for name, kind in columns.items() if kind not in KINDS]  # fmt: skip
    ways = get_args(BadRows)
    if bad_rows not in ways:
        wrong.append(f"{at}.bad_rows: there is no '{bad_rows}'; {nearest(str(bad_rows), list(ways))}")
    if wrong:
        raise ConfigError(wrong)


def require_cell_kinds(columns: Columns, at: str) -> None:
    """Raises ConfigError for a column of a kind that a cell cannot hold (a list)."""
    lists = [f"{at}.columns.{name}: a cell cannot hold a list; write {_words(CELL_KINDS)}" for name in columns
             if columns[name] not in CELL_KINDS]  # fmt: skip
    if lists:
        raise ConfigError(lists)


def require_columns(columns: Columns, names: Sequence[str], where: str) -> None:
    """Raises DataError where `names`, the columns of the file at `where`, lack one of `columns`."""
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
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise FieldError(None, f"{_shown(value)} is not text", "write a text between quotes")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise FieldError(None, f"character {error.start} is half a surrogate pair") from None
    return value


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise FieldError(None, f"{_shown(value)} is not an integer", "write a whole number")
    if not -(1 << 63) <= value < 1 << 63:
        raise FieldError(None, f"{_shown(value)} does not fit 64 bits", "write a smaller number")
    return int(value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise FieldError(None, f"{_shown(value)} is not a number", "write a number")
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
            raise FieldError(None, f"{_shown(value)} is not a list", "write a list")
        items = []
        for number, item in enumerate(value):
            try:
                items.append(of(item))
            except FieldError as error:
                raise FieldError(None, f"item {number}: {error.what}", error.advice) from None
        return items

    return check


def _cell_integer(cell: str) -> int:
    if not INTEGER.fullmatch(cell):
        raise FieldError(None, f"{_shown(cell)} is not an integer", "write a whole number")
    return _integer(int(cell) if len(cell) < SHOWN else 1 << 64)


def _cell_number(cell: str) -> float:
    if not NUMBER.fullmatch(cell):
        finite = cell.strip().lower().lstrip("+-") not in ("nan", "inf", "infinity")
        raise FieldError(
            None, f"{_shown(cell)} is {'not a number' if finite else 'not finite'}", "write a finite number"
        )
    return _number(float(cell))


def _cell_boolean(cell: str) -> bool:
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
CELL_KINDS: dict[ColumnKind, Callable[[str], Any]] = {
    "text": str,
    "integer": _cell_integer,
    "number": _cell_number,
    "boolean": _cell_boolean,
}

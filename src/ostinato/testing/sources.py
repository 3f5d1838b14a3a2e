"""Laws of data sources. Each takes a source's table and a new folder and raises AssertionError with what it found."""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np

from ostinato.data.splits import DataSplits, data_sources
from ostinato.data.table.rows import Rows, Subset
from ostinato.data.text_file import Text
from ostinato.errors import ConfigError, OstinatoError

Table: TypeAlias = Mapping[str, Any]
Law: TypeAlias = Callable[[Table, Path], None]

PLACE: Final = re.compile(r".+:\d+")
"""A key: the file and the line, or the name and the number."""
MISFIT: Final[Any] = [[[]]]
"""A value that fits no option of a source."""


def there_is_a_training_split(table: Table, folder: Path) -> None:
    """With something in it; what is derived goes to the folder that was passed."""
    splits = _build(table, folder)
    assert "train" in splits.splits, f"its splits are {', '.join(splits.splits)}"
    assert splits.folder == folder, f"its folder is {splits.folder}"
    for name, split in splits.splits.items():
        size = split.size_bytes if isinstance(split, Text) else len(split)
        assert size > 0, f"{name} is empty"


def rows_by_number_are_rows_in_order(table: Table, folder: Path) -> None:
    """Forwards, backwards, from the end and by slices; there is none beyond the last."""
    for name, split in _sequences(table, folder):
        forwards = [_content(row) for row in split]
        assert len(forwards) == len(split), f"{name} has {len(forwards)} rows and says {len(split)}"
        backwards = [_content(split[number]) for number in reversed(range(len(split)))]
        assert backwards == forwards[::-1], f"{name}: a row by its number is another than in order"
        assert _content(split[-1]) == forwards[-1], f"{name}: row -1 is not the last"
        assert [_content(row) for row in split[2:9:3]] == forwards[2:9:3], f"{name}: a slice gives other rows"
        for number in (len(split), -len(split) - 1):
            try:
                split[number]
            except IndexError:
                continue
            raise AssertionError(f"{name}: there is a row {number} of {len(split)}")


def reading_twice_gives_the_same(table: Table, folder: Path) -> None:
    """From the files that the first reading left, and in another folder."""
    first = _contents(table, folder / "one")
    assert _contents(table, folder / "one") == first, "what was kept in the folder gives something else"
    assert _contents(table, folder / "two") == first, "another folder gives something else"


def keys_name_one_place_each(table: Table, folder: Path) -> None:
    """`file:line` or `name:number`, or the file that a row is; no two rows of the source have the same."""
    keys: set[str] = set()
    for name, split in _sequences(table, folder):
        for number, row in enumerate(split):
            key = row.key
            assert PLACE.fullmatch(key) or Path(key).is_file(), f"{name}: {key!r} names no line, number or file"
            assert key not in keys, f"{name}: {key!r} is the key of two rows"
            assert not isinstance(split, Rows) or split.key(number) == key, f"{name}: key({number}) is not {key!r}"
            keys.add(key)


def hashes_are_one_a_row(table: Table, folder: Path) -> None:
    """`identities` and `fingerprints` are 64 bits a row, and equal rows have equal ones."""
    for name, split in _sequences(table, folder):
        if not isinstance(split, Rows):
            continue
        for what, hashes in (("identities", split.identities()), ("fingerprints", split.fingerprints())):
            assert hashes.shape == (len(split),), f"{name}: {what} are {hashes.shape} of {len(split)} rows"
            assert hashes.dtype == np.uint64, f"{name}: {what} are {hashes.dtype}"
            seen: dict[str, int] = {}
            for row, number in zip(split, hashes.tolist()):
                assert seen.setdefault(repr(row.fields), number) == number, f"{name}: {what} of equal rows differ"


def columns_are_those_asked_for(table: Table, folder: Path) -> None:
    """A row has the columns that the table names, no more and no fewer; without any, it has some."""
    columns = table.get("columns")
    for name, split in _sequences(table, folder):
        for row in split if isinstance(split, Rows) else ():
            assert row.fields, f"{name}: {row.key} has no column"
            assert columns is None or set(row.fields) == set(columns), f"{name}: {row.key} has {', '.join(row.fields)}"


def shares_divide_the_whole(table: Table, folder: Path) -> None:
    """Splits that were cut from one file overlap nowhere, and together are the file: no equal rows are in two."""
    shares = {name: 0.0 for name in ("valid", "test") if name in _options(table)}
    splits = _build(table, folder).splits
    texts = [split for split in splits.values() if isinstance(split, Text)]
    subsets = {name: split for name, split in splits.items() if isinstance(split, Subset)}
    if not shares or not (texts or subsets):
        return
    whole = _build(dict(table) | shares, folder / "whole").splits["train"]
    if texts:
        ends = [whole.start, *(split.end for split in texts)]
        assert [split.start for split in texts] == ends[:-1], "a split does not begin where the one before ends"
        assert ends[-1] == whole.end, f"the splits end at byte {ends[-1]} of {whole.end}"
        return
    rows = [(number, name) for name, split in subsets.items() for number in split.identities().tolist()]
    together = sorted(number for number, _ in rows)
    assert together == sorted(whole.identities().tolist()), "the splits together are not the whole"
    owners: dict[int, str] = {}
    for number, name in rows:
        assert owners.setdefault(number, name) == name, f"equal rows are in {owners[number]} and {name}"


def what_is_missing_is_said(table: Table, folder: Path) -> None:
    """A text that names nothing, as any option that takes one, is an error of one sentence that names it."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = [name for name, value in table.items() if isinstance(value, str) and name != "name"]
    for option in [*texts, *(name for name in ("valid", "test") if name in _options(table))]:
        message = _refusal({**table, option: str(folder / "nowhere")}, folder, f"{option} = 'nowhere'")
        assert "nowhere" in message or option in message, f"{option}: {message!r} does not say what is missing"


def what_does_not_fit_is_said(table: Table, folder: Path) -> None:
    """An option that does not exist, and a value of another type in any, is a ConfigError that names the option."""
    for option in [*_options(table), "no_such_option"]:
        message = _refusal({**table, option: MISFIT}, folder, f"{option} = {MISFIT}", ConfigError)
        assert option in message, f"{message!r} does not name {option}"


LAWS: Final[tuple[Law, ...]] = (
    there_is_a_training_split,
    rows_by_number_are_rows_in_order,
    reading_twice_gives_the_same,
    keys_name_one_place_each,
    hashes_are_one_a_row,
    columns_are_those_asked_for,
    shares_divide_the_whole,
    what_is_missing_is_said,
    what_does_not_fit_is_said,
)


def _build(table: Table, folder: Path) -> DataSplits[Any]:
    return data_sources.build(table, folder=folder)


def _options(table: Table) -> list[str]:
    """The names of what a recipe may say to the source."""
    parameters = inspect.signature(data_sources[table["name"]].constructor).parameters.values()
    return [each.name for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD]


def _sequences(table: Table, folder: Path) -> Iterator[tuple[str, Any]]:
    """The splits that have examples by number; a Text has none."""
    for name, split in _build(table, folder).splits.items():
        if not isinstance(split, Text):
            assert isinstance(split, Sequence), f"{name} is neither a Text nor a sequence of examples"
            yield name, split


def _contents(table: Table, folder: Path) -> dict[str, Any]:
    """All that is in each split, whatever the folder is called."""
    contents: dict[str, Any] = {}
    for name, split in _build(table, folder).splits.items():
        whole = "".join(split.pieces()) if isinstance(split, Text) else [_content(row) for row in split]
        hashes = split.identities().tolist() if isinstance(split, Rows) else None
        contents[name] = repr((whole, hashes)).replace(str(folder), "")
    return contents


def _content(value: Any) -> Any:
    """Something that can be compared, also where there are arrays in it."""
    if isinstance(value, np.ndarray):
        return (value.dtype.str, value.shape, value.tobytes())
    if isinstance(value, Mapping):
        return {name: _content(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_content(each) for each in value]
    return value


def _refusal(table: Table, folder: Path, what: str, kind: type[OstinatoError] = OstinatoError) -> str:
    """What is said of a table that cannot be built."""
    try:
        _build(table, folder)
    except kind as error:
        for sentence in error.problems if isinstance(error, ConfigError) else (str(error),):
            assert sentence, f"{what}: nothing is said"
            assert "\n" not in sentence, f"{what}: it is not said in one sentence: {sentence!r}"
        return str(error)
    except Exception as error:
        raise AssertionError(f"{what}: {type(error).__name__}: {error}, not a {kind.__name__}") from error
    raise AssertionError(f"{what}: it is not refused")

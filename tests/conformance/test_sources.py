"""Every registered source of data obeys every law of theirs; a new registration is tested with no new test."""

import itertools
import os
from pathlib import Path

import numpy as np
import pytest

from ostinato.data import Columns, DataSplits, InMemoryRows, data_sources, split_by_hash
from ostinato.data.paths import resolve_file
from ostinato.data.table.rows import Subset
from ostinato.registry import Entry, Share
from ostinato.testing.sources import LAWS

MIRRORED = pytest.mark.skipif("OSTINATO_DATA" not in os.environ, reason="OSTINATO_DATA is not set")
NAMES = [pytest.param(name, marks=MIRRORED) if name == "catalog" else name for name in data_sources.names()]


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law(name, law, tmp_path):
    law(data_sources.example(name), tmp_path / "data")


NONE: Columns = {}


class Sound(InMemoryRows):
    """The words of a text as rows, many of them equal."""

    def __init__(self, path: str, folder: Path):
        words = resolve_file(path, folder).read_text().split()[:200]
        super().__init__([{"text": word} for word in words], name=path)


def sound(path: str, valid: Share = 0.3, columns: Columns = NONE, *, folder: Path) -> DataSplits:
    return DataSplits(split_by_hash(Sound(path, folder), {"valid": valid}), folder)


class BackwardsInOrder(Sound):
    def __iter__(self):
        return iter(self[::-1])


class CountsReadings(Sound):
    readings = itertools.count()

    def row(self, number):
        row = super().row(number)
        return row._replace(fields={"text": f"{row.fields['text']}{next(self.readings)}"})


class OneKeyForAll(Sound):
    def key(self, number):
        return "here:1"


class HashesOfPlaces(Sound):
    def identities(self):
        return np.arange(len(self), dtype=np.uint64)


class MoreThanAsked(Sound):
    def row(self, number):
        row = super().row(number)
        return row._replace(fields={**row.fields, "more": 1})


def whole(rows):
    def source(path: str, columns: Columns = NONE, *, folder: Path) -> DataSplits:
        return DataSplits({"train": rows(path, folder)}, folder)

    return source


def without_training(path: str, *, folder: Path) -> DataSplits:
    return DataSplits({"valid": Sound(path, folder)}, folder)


def with_equal_rows_apart(path: str, valid: Share = 0.3, *, folder: Path) -> DataSplits:
    rows = Sound(path, folder)
    first, second = np.split(np.arange(len(rows)), [int(len(rows) * (1 - valid))])
    splits = {"train": Subset(rows, first), "valid": Subset(rows, second)}
    return DataSplits(splits if valid else {"train": rows}, folder)


def nothing_is_missing(path: str, valid: Share = 0.3, *, folder: Path) -> DataSplits:
    return sound(path if Path(path).is_file() else "builtin:pydoc", valid, folder=folder)


def anything_fits(path: str, more: object = None, *, folder: Path) -> DataSplits:
    return sound(path, folder=folder)


WRONG = [
    (without_training, "there_is_a_training_split"),
    (whole(BackwardsInOrder), "rows_by_number_are_rows_in_order"),
    (whole(CountsReadings), "reading_twice_gives_the_same"),
    (whole(OneKeyForAll), "keys_name_one_place_each"),
    (whole(HashesOfPlaces), "hashes_are_one_a_row"),
    (whole(MoreThanAsked), "columns_are_those_asked_for"),
    (with_equal_rows_apart, "shares_divide_the_whole"),
    (nothing_is_missing, "what_is_missing_is_said"),
    (anything_fits, "what_does_not_fit_is_said"),
]


def check(source, name, folder, monkeypatch):
    data_sources.names()
    monkeypatch.setitem(data_sources._entries, "mine", Entry(source))
    law = next(law for law in LAWS if law.__name__ == name)
    law({"name": "mine", "path": "builtin:pydoc", **({"columns": {"text": "text"}} if "col" in name else {})}, folder)


@pytest.mark.parametrize(("source", "name"), WRONG, ids=lambda thing: getattr(thing, "__name__", thing))
def test_a_wrong_source_is_refused(source, name, tmp_path, monkeypatch):
    with pytest.raises(AssertionError):
        check(source, name, tmp_path, monkeypatch)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_a_sound_one_is_not(law, tmp_path, monkeypatch):
    check(sound, law.__name__, tmp_path, monkeypatch)


def test_every_law_refuses_something():
    assert {law.__name__ for law in LAWS} == {name for _, name in WRONG}

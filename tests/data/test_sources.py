"""What sources give beyond their laws (tests/conformance/test_sources.py): formats, splits, options."""

import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.data import InMemoryRows, data_sources, split_by_hash
from ostinato.data.table.rows import identity
from ostinato.errors import ConfigError, DataError

TABLES = ("jsonl", "csv", "tsv", "parquet")
MIRRORED = pytest.mark.skipif("OSTINATO_DATA" not in os.environ, reason="OSTINATO_DATA is not set")


def test_reading_imports_no_torch(tmp_path):
    names = [name for name in data_sources.names() if name != "catalog" or "OSTINATO_DATA" in os.environ]
    code = f"""
import sys
from pathlib import Path
from ostinato.data import data_sources
for name in {names!r}:
    made = data_sources.build(data_sources.example(name), folder=Path({str(tmp_path)!r}, name))
    for split in made.splits.values():
        next(iter(split.pieces())) if hasattr(split, "pieces") else split[0]
    assert "torch" not in sys.modules, name
"""
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_the_same_in_every_format(name, tmp_path):
    def fields(of):
        return [
            row.fields for row in data_sources.build(data_sources.example(of), folder=tmp_path / of).splits["train"]
        ]

    assert fields(name) == fields("jsonl")


ROWS = st.lists(st.fixed_dictionaries({"a": st.text(max_size=3), "b": st.integers(0, 9)}), min_size=60, max_size=90)


@given(rows=ROWS, seed=st.integers(0, 5), data=st.data())
@settings(deadline=None, max_examples=30)
def test_a_split_is_a_matter_of_seed_and_content_alone(rows, seed, data):
    def where(items):
        try:
            splits = split_by_hash(InMemoryRows(items), {"valid": 0.3, "test": 0.2}, seed)
        except DataError:  # of few unlike rows a split may get none
            return None
        found = {}
        for name, split in splits.items():
            for row in split:
                key = tuple(row.fields.items())
                assert found.setdefault(key, name) == name  # equal rows are never in two splits
        assert sum(map(len, splits.values())) == len(items)
        return found

    first = where(rows)
    second = where([*data.draw(st.permutations(rows)), {"a": "new", "b": 1}])
    if first is not None and second is not None:
        assert {key: second[key] for key in first} == first


def test_shares_are_met_on_average():
    rows = InMemoryRows({"a": number} for number in range(4000))
    for seed in range(3):
        sizes = {name: len(split) for name, split in split_by_hash(rows, {"valid": 0.1, "test": 0.3}, seed).items()}
        # four standard deviations of a binomial
        assert abs(sizes["valid"] - 400) < 4 * (4000 * 0.1 * 0.9) ** 0.5
        assert abs(sizes["test"] - 1200) < 4 * (4000 * 0.3 * 0.7) ** 0.5
    numbers = [{row.fields["a"] for row in split_by_hash(rows, {"valid": 0.5}, seed)["valid"]} for seed in (1, 2)]
    assert abs(len(numbers[0] & numbers[1]) - 1000) < 4 * (4000 * 0.25 * 0.75) ** 0.5  # seeds are independent


def test_a_whole_table_is_no_split():
    rows = InMemoryRows([{"a": 1}])
    assert split_by_hash(rows, {"valid": 0.0}) == {"train": rows}
    with pytest.raises(ConfigError, match=r"source\.valid, source\.test: .* leave nothing to train on"):
        split_by_hash(rows, {"valid": 0.5, "test": 0.5})
    with pytest.raises(DataError, match=r"none of its 1 rows falls into (train|valid)"):
        split_by_hash(rows, {"valid": 0.5})


def test_identities_are_of_the_content():
    assert identity({"a": 1, "b": "é"}) == identity({"b": "é", "a": 1})
    assert (
        len({identity(fields) for fields in ({"a": 1}, {"a": 2}, {"b": 1}, {"a": "1"}, {"a": [1]}, {"a": b"1"})}) == 6
    )


def test_splits_are_files_of_their_own(tmp_path):
    for name in ("one", "two", "three"):
        (tmp_path / f"{name}.txt").write_text(f"{name}\nalso {name}\n")
    table = {"name": "lines", "path": str(tmp_path / "one.txt"), "valid": str(tmp_path / "two.txt")}
    splits = data_sources.build({**table, "test": str(tmp_path / "three.txt")}, folder=tmp_path).splits
    assert {name: [row.fields["text"] for row in rows] for name, rows in splits.items()} == {
        "train": ["one", "also one"], "valid": ["two", "also two"], "test": ["three", "also three"],
    }  # fmt: skip
    assert list(data_sources.build({**table, "valid": 0.0}, folder=tmp_path).splits) == ["train"]


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ({"valid": 1.5}, "less than 1"), ({"valid": -0.1}, "greater than or equal to 0"), ({"vlaid": 0.1}, "'valid'"),
        ({"columns": {"a": "txt"}}, "'text', 'integer'"), ({"bad_rows": "drop"}, "'refuse' or 'skip'"),
    ],
)  # fmt: skip
def test_bad_options_are_refused(option, said, tmp_path):
    with pytest.raises(ConfigError, match=said):
        data_sources.build({"name": "jsonl", "path": "builtin:pydoc.jsonl", **option}, folder=tmp_path)


@MIRRORED
def test_a_set_of_the_catalog_has_its_own_splits(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    made = data_sources.build({"name": "catalog", "set": "wnut17", "columns": {"words": "texts"}}, folder=tmp_path)
    assert {name: len(rows) for name, rows in made.splits.items()} == {"train": 3394, "valid": 1009, "test": 1287}
    assert set(made.splits["valid"][0].fields) == {"words"}
    with pytest.raises(ConfigError, match="wnut17 already has a split 'dev'"):
        data_sources.build({"name": "catalog", "set": "wnut17", "valid": 0.1}, folder=tmp_path)
    cut = data_sources.build(
        {"name": "catalog", "set": "protein_secondary_structure", "valid": 0.3}, folder=tmp_path
    ).splits
    assert len(cut["train"]) + len(cut["valid"]) == 111  # as its SOURCE.txt counts them
    with pytest.raises(ConfigError, match="did you mean 'wnut17'"):
        data_sources.build({"name": "catalog", "set": "wnut71"}, folder=tmp_path)
    with pytest.raises(DataError, match="column 'wrods': the row has no such column; did you mean 'words'"):
        data_sources.build({"name": "catalog", "set": "wnut17", "columns": {"wrods": "texts"}}, folder=tmp_path)

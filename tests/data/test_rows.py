"""Rows of files: what is in them, what is kept beside them, and what is said of one that is wrong."""

import csv as library
import gzip
import io
import json
import logging
import math
import os
import subprocess
import sys
import threading
from datetime import date

import numpy as np
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.data import InMemoryRows, data_sources
from ostinato.data.sources import parquet as parquet_module
from ostinato.data.table import row_index as index_module
from ostinato.data.table.splitting import split_by_hash
from ostinato.errors import ConfigError, DataError

pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
from pyarrow import parquet  # noqa: E402


def read(kind, path, folder=None, split="train", **options):
    table = {"name": kind, "path": str(path), "valid": 0.0, **options}
    return data_sources.build(table, folder=folder or path.parent / "kept").splits[split]


def written(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def fields(rows):
    return [row.fields for row in rows]


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)
GRID = st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=8)


@given(grid=GRID, ends=st.sampled_from(["\n", "\r\n"]), bom=st.booleans())
@settings(deadline=None, max_examples=25)
def test_csv_comes_back_as_the_standard_library_wrote_it(tmp_path_factory, grid, ends, bom):
    out = io.StringIO(newline="")
    writer = library.writer(out, lineterminator=ends, quoting=library.QUOTE_ALL)
    writer.writerows([("a", "b,", 'c"\n'), *grid])
    path = written(tmp_path_factory.mktemp("csv") / "t.csv", "\ufeff" * bom + out.getvalue())
    rows = read("csv", path)
    assert fields(rows) == [dict(zip(("a", "b,", 'c"\n'), row)) for row in grid]
    before = [sum(cell.count("\n") for cell in row) + 1 for row in (("a", "b,", 'c"\n'), *grid)]
    assert [row.key for row in rows] == [f"{path}:{1 + sum(before[: 1 + number])}" for number in range(len(grid))]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False)
    | CELLS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(CELLS, inner, max_size=3), max_leaves=5,
)  # fmt: skip


@given(rows=st.lists(st.dictionaries(CELLS, JSON, max_size=4), min_size=1, max_size=8), ascii_only=st.booleans())
@settings(deadline=None, max_examples=25)
def test_json_lines_come_back(tmp_path_factory, rows, ascii_only):
    text = "".join(json.dumps(row, ensure_ascii=ascii_only) + "\n" for row in rows)
    path = written(tmp_path_factory.mktemp("jsonl") / "t.jsonl", text)
    assert fields(read("jsonl", path)) == rows


def test_lines_come_back(tmp_path):
    path = written(tmp_path / "a.txt", "\ufeffone\r\n two \n\u2028three\rstill\x85three\nlast")
    rows = read("lines", path)
    assert [row.fields["text"] for row in rows] == ["one", " two ", "\u2028three\rstill\x85three", "last"]
    assert [row.key for row in rows] == [f"{path}:{line}" for line in (1, 2, 3, 4)]


def test_tsv_has_no_quotes(tmp_path):
    path = written(tmp_path / "t.tsv", 'a\tb\n"x\t5" pipe\n')
    assert fields(read("tsv", path)) == [{"a": '"x', "b": '5" pipe'}]


def test_parquet_comes_back_whatever_its_groups(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet_module, "ROWS", 100)
    rows = [{"n": i, "t": f"é{i}", "x": [i, None], "s": {"d": date(2020, 1, 1 + i % 28)}} for i in range(250)]
    for size in (1, 40, 250):
        path = tmp_path / f"{size}.parquet"
        parquet.write_table(pyarrow.Table.from_pylist(rows[: 5 if size == 1 else None]), path, row_group_size=size)
        found = read("parquet", path)
        assert fields(found) == rows[: len(found)]
        assert [row.key for row in found[:3]] == [f"{path}:{number}" for number in (0, 1, 2)]
    assert fields(read("parquet", path, columns={"t": "text", "n": "number"}))[7] == {"t": "é7", "n": 7.0}


def test_columns_are_what_they_are_asked_to_be(tmp_path):
    columns = {"n": "integer", "x": "number", "t": "text", "b": "boolean"}
    path = written(tmp_path / "t.csv", "t,b,x,n,more\n1,true,1e3,-7,z\n,false,.5,+0,z\n")
    assert fields(read("csv", path, columns=columns)) == [
        {"n": -7, "x": 1000.0, "t": "1", "b": True}, {"n": 0, "x": 0.5, "t": "", "b": False},
    ]  # fmt: skip
    lists = {"w": ["a", "b"], "i": [1, 2], "f": [1, 2.5], "any": None}
    kinds = {"w": "texts", "i": "integers", "f": "numbers", "any": "any"}
    path = written(tmp_path / "t.jsonl", json.dumps(lists))
    assert fields(read("jsonl", path, columns=kinds)) == [lists]
    assert fields(InMemoryRows([{"i": np.arange(2), "x": np.float32(0.5)}], {"i": "integers", "x": "number"})) == [
        {"i": [0, 1], "x": 0.5}
    ]


def test_a_header_may_be_given(tmp_path):
    path = written(tmp_path / "t.csv", "1;a\n2;b\n")
    rows = read("csv", path, header=["n", "t"], delimiter=";", columns={"n": "integer"})
    assert fields(rows) == [{"n": 1}, {"n": 2}]
    with pytest.raises(DataError, match=r"t\.csv: there is no column 'm'; its columns are n, t"):
        read("csv", path, header=["n", "t"], delimiter=";", columns={"m": "integer"})
    for delimiter in ("", ";;", '"', "\n", "é"):
        with pytest.raises(ConfigError, match=r"source\.delimiter: .* cannot be one"):
            read("csv", path, delimiter=delimiter)


def test_compressed_tables_are_unpacked(tmp_path):
    path = written(tmp_path / "t.csv.gz", gzip.compress(b"a,b\n1,2\n"))
    rows = read("csv", path)
    assert fields(rows) == [{"a": "1", "b": "2"}]
    assert rows[0].key == f"{path}:2"


def test_a_large_file_does_not_fill_memory(tmp_path):
    path = tmp_path / "t.jsonl"
    with path.open("w") as file:
        file.writelines(json.dumps({"number": number, "text": "x" * 300_000}) + "\n" for number in range(300))
    process, highest = psutil.Process(), 0
    before = process.memory_info().rss

    def progress(*_):
        nonlocal highest
        highest = max(highest, process.memory_info().rss - before)

    rows = data_sources.build({"name": "jsonl", "path": str(path)}, folder=tmp_path, progress=progress).splits["train"]
    for number in np.random.default_rng(0).permutation(len(rows)):
        assert len(rows[int(number)].fields["text"]) == 300_000
        progress()
    assert highest < path.stat().st_size / 4


def test_files_of_one_name_are_kept_apart(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        written(tmp_path / name / "t.jsonl.gz", gzip.compress(json.dumps({"a": name}).encode()))
    paths = {"path": str(tmp_path / "one" / "t.jsonl.gz"), "valid": str(tmp_path / "two" / "t.jsonl.gz")}
    splits = data_sources.build({"name": "jsonl", **paths}, folder=tmp_path / "kept").splits
    assert [splits[name][0].fields["a"] for name in ("train", "valid")] == ["one", "two"]


def test_reading_takes_no_lock_and_no_position(tmp_path):
    rows = read("lines", written(tmp_path / "a.txt", "".join(f"{number}\n" for number in range(500))))
    found: list[list[int]] = []

    def all_of_them():
        found.append([int(rows[number].fields["text"]) for number in range(500)])

    threads = [threading.Thread(target=all_of_them) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [list(range(500))] * 4


class TestKept:
    """The index is made once, with progress, and again only where something changed."""

    @pytest.fixture
    def passes(self, monkeypatch):
        """How often a file was read through."""
        from ostinato.data.sources.jsonl import JSONLines

        counted, spans = [], JSONLines.spans
        monkeypatch.setattr(JSONLines, "spans", lambda self, file: counted.append(1) or spans(self, file))
        return counted

    def test_it_is_made_once(self, tmp_path, passes):
        path = written(tmp_path / "t.jsonl", '{"a": 1}\n{"a": 2}\n')
        for _ in range(3):
            assert fields(read("jsonl", path)) == [{"a": 1}, {"a": 2}]
        assert len(passes) == 1
        assert fields(read("jsonl", path, columns={"a": "number"})) == [{"a": 1.0}, {"a": 2.0}]
        assert len(passes) == 2
        written(path, '{"a": 3}\n')
        assert fields(read("jsonl", path, columns={"a": "number"})) == [{"a": 3.0}]
        assert len(passes) == 3

    @pytest.mark.parametrize("broken", ["", "{", "[]", '{"origin": {}}'])
    def test_a_broken_one_is_made_again(self, tmp_path, passes, broken):
        path = written(tmp_path / "t.jsonl", '{"a": 1}\n')
        read("jsonl", path)
        written(tmp_path / "kept" / "train" / "t.jsonl.rows.json", broken)
        assert fields(read("jsonl", path)) == [{"a": 1}]
        os.truncate(tmp_path / "kept" / "train" / "t.jsonl.rows", 8)
        assert fields(read("jsonl", path)) == [{"a": 1}]
        assert len(passes) == 3

    def test_nothing_is_left_of_one_that_failed(self, tmp_path):
        path = written(tmp_path / "t.jsonl", '{"a": 1}\n{\n')
        for _ in range(2):
            with pytest.raises(DataError, match="line 2"):
                read("jsonl", path)
        assert not [each for each in (tmp_path / "kept").rglob("*") if each.is_file()]

    def test_progress_is_told(self, tmp_path, monkeypatch):
        monkeypatch.setattr(index_module, "AT_ONCE", 10)
        path, told = written(tmp_path / "t.txt", "line\n" * 95), []
        table = {"name": "lines", "path": str(path), "valid": 0.0}
        made = data_sources.build(table, folder=tmp_path, progress=lambda *what: told.append(what))
        assert [done for _, done, _ in told] == [50 * number for number in range(1, 10)] + [475]
        assert {(what, total) for what, _, total in told} == {("read t.txt", 475)}
        assert len(made.splits["train"]) == 95

    def test_a_file_that_changes_while_it_is_read_is_named(self, tmp_path):
        path = written(tmp_path / "t.jsonl", '{"a": 1}\n{"a": 2}\n')
        rows = read("jsonl", path, columns={"a": "integer"})
        with path.open("r+b") as file:
            file.write(b'{"a": "x"}')
        with pytest.raises(DataError, match=r"t\.jsonl: line 1: it is not what it was .* start again"):
            rows[0]
        path = written(tmp_path / "t.csv", "a,b\n1,2\n3,4\n")
        rows = read("csv", path)
        os.truncate(path, 5)
        with pytest.raises(DataError, match=r"t\.csv: line 3: it is not what it was"):
            rows[1]


WRONG = [
    ("jsonl", '{"a": 1}\n{"a": "x"}\n', {"a": "number"}, r"line 2, column 'a': 'x' is not a number; write a number"),
    ("jsonl", '{"a": NaN}', {"a": "number"}, r"line 1: NaN is not a finite number and not JSON; write a finite number"),
    ("jsonl", '{"a": -Infinity}', {}, r"line 1: -Infinity is not a finite number"),
    ("jsonl", '{"a": 1e999}', {"a": "number"}, r"line 1, column 'a': inf is not finite"),
    ("jsonl", '{"a": [1, 1e999]}', {"a": "numbers"}, r"line 1, column 'a': item 1: inf is not finite"),
    ("jsonl", '{"a": ' + "9" * 400 + "}", {"a": "number"}, r"line 1, column 'a': 9{40}… is not finite"),
    ("jsonl", '{"a": ' + "9" * 5000 + "}", {}, r"line 1: it cannot be read"),
    ("jsonl", '{"a": true}', {"a": "integer"}, r"column 'a': True is not an integer"),
    ("jsonl", '{"a": 1.0}', {"a": "integer"}, r"column 'a': 1\.0 is not an integer"),
    ("jsonl", '{"a": 9223372036854775808}', {"a": "integer"}, r"column 'a': 9223372036854775808 does not fit 64 bits"),
    ("jsonl", '{"a": null}', {"a": "text"}, r"column 'a': None is not text"),
    ("jsonl", '{"a": "\\ud800"}', {"a": "text"}, r"column 'a': character 0 is half a surrogate pair"),
    ("jsonl", '{"a": "ab"}', {"a": "texts"}, r"column 'a': 'ab' is not a list"),
    ("jsonl", '{"a": ["b", 1]}', {"a": "texts"}, r"column 'a': item 1: 1 is not text"),
    ("jsonl", '{"a": 1}', {"a": "boolean"}, r"column 'a': 1 is neither true nor false"),
    ("jsonl", '{"text": 1}\n{"txt": 1}', {"text": "any"}, r"line 2, column 'text': .* no such column; did you mean 't"),
    ("jsonl", '{"a": 1}\n{"a": 1', {}, r"line 2: it is not JSON \(.*, at character 8\); correct it"),
    ("jsonl", '{"a": 1}\n\n{"a": 1}', {}, r"line 2: it is empty; delete the line"),
    ("jsonl", "[1]", {}, r"line 1: it is not an object of columns but '\[1\]'"),
    ("jsonl", "[" * 100_000, {}, r"line 1: its lists are nested too deeply"),
    ("jsonl", '{"a": 1, "a": 2}', {}, r"line 1, column 'a': it is there twice"),
    ("jsonl", b'{"a": "x"}\n{"b": 1, "a": "\xe9"}', {}, r"line 2, column 'a': byte 15 .*\(0xe9\) is not UTF-8"),
    ("jsonl", b"\xe9", {}, r"line 1: byte 0 .* is not UTF-8"),
    ("jsonl", '{"a": 1}'.encode("utf-16"), {}, r"line 1: it begins as UTF-16 does; convert the file to UTF-8"),
    ("csv", "a,b\n1,2\n3\n", {}, r"line 3, column 'b': the row has 1 cells and the header 2"),
    ("csv", "a,b\n1,2,3\n", {}, r"line 2: the row has 3 cells and the header 2; give every row 2 cells"),
    ("csv", "a,b\n1,2\n\n", {}, r"line 3: it is empty; delete the line"),
    ("csv", 'a,b\n1,2\n3,"4\n5,6\n', {}, r"line 3, column 'b': a quote is opened .* never closed; close it"),
    ("csv", 'a,b\n1,"2"x\n', {}, r"line 2: .* expected after"),
    ("csv", 'a,b\n1,"2\n3","4"\n5,6\n', {}, r"line 2: the row has 3 cells and the header 2"),
    ("csv", '"a,b\n1,2\n', {}, r"line 1: a quote is opened in the row that begins here and never closed"),
    ("csv", "a,b\r1,2\r", {}, r"line 1: a carriage return .* stands inside the row; end lines with"),
    ("csv", "a,b\nx," + "y" * 200_000 + "\n", {}, r"line 2: field larger than field limit \(131072\)"),
    ("csv", "a,a\n1,2\n", {}, r"line 1, column 'a': it is there twice; rename one of them"),
    ("csv", "text,b\n1,2\n", {"txt": "text"}, r"line 1: there is no column 'txt'; did you mean 'text'"),
    ("csv", "a\nnan\n", {"a": "number"}, r"line 2, column 'a': 'nan' is not finite"),
    ("csv", "a\n1\n1e999\n", {"a": "number"}, r"line 3, column 'a': inf is not finite"),
    ("csv", "a\n1_000\n", {"a": "integer"}, r"line 2, column 'a': '1_000' is not an integer"),
    ("csv", 'a\n"1,5"\n', {"a": "number"}, r"line 2, column 'a': '1,5' is not a number"),
    ("csv", 'a\n""\n', {"a": "number"}, r"line 2, column 'a': '' is not a number"),
    ("csv", "a\n" + "9" * 20 + "\n", {"a": "integer"}, r"does not fit 64 bits"),
    ("csv", "a\nTrue\n", {"a": "boolean"}, r"column 'a': 'True' is neither true nor false"),
    ("csv", b"a,b\n\xc3\xa9,ok\nok,\xe9\n", {}, r"line 3, column 'b': byte 3 of the row \(0xe9\) is not UTF-8"),
    ("csv", b"\xe9,b\n1,2\n", {}, r"line 1: byte 0 .* is not UTF-8"),
    ("csv", "a,b\n", {}, r"it has no row; name a file that has some"),
    ("csv", "\ufeff", {}, r"it has no row"),
    ("tsv", "a\tb\n1\t2\t3\n", {}, r"line 2: the row has 3 cells and the header 2"),
    ("lines", "one\n\ntwo\n", None, r"line 2: it is empty; delete the line"),
    ("lines", b"one\ntw\xf6\n", None, r"line 2: byte 2 of the row \(0xf6\) is not UTF-8"),
    *[(kind, "", None if kind == "lines" else {}, "it is empty; name a file with rows in it")
      for kind in ("jsonl", "csv", "tsv", "lines")],
]  # fmt: skip


@pytest.mark.parametrize(("kind", "content", "columns", "said"), WRONG)
def test_what_is_wrong_is_said_with_file_line_and_column(tmp_path, kind, content, columns, said):
    path = written(tmp_path / "wrong", content)
    with pytest.raises(DataError, match=f"^{path}: .*{said}") as caught:
        read(kind, path, **({} if columns is None else {"columns": columns}))
    assert "\n" not in str(caught.value)


def test_a_list_cannot_be_in_a_cell(tmp_path):
    path = written(tmp_path / "t.csv", "a\n1\n")
    with pytest.raises(ConfigError, match=r"source\.columns\.a: a cell cannot hold a list; write text, integer, n"):
        read("csv", path, columns={"a": "numbers"})


PARQUET = [
    ({"a": [1.0, math.nan]}, {"a": "number"}, r"row 1, column 'a': nan is not finite"),
    ({"b": [0, 1], "a": [1.0, math.nan]}, {}, r"row 1, column 'a': nan is not finite"),
    ({"a": [[1.0], [math.inf]]}, {"a": "any"}, r"row 1, column 'a': a number in it is not finite"),
    ({"a": [1, None]}, {"a": "integer"}, r"row 1, column 'a': None is not an integer"),
    ({"label": [1]}, {"lable": "integer"}, r"there is no column 'lable'; did you mean 'label'"),
    ({"a": []}, {}, r"it has no row"),
]


@pytest.mark.parametrize(("content", "columns", "said"), PARQUET)
def test_what_is_wrong_with_a_parquet_is_said(tmp_path, content, columns, said):
    parquet.write_table(pyarrow.table(content), tmp_path / "t.parquet")
    with pytest.raises(DataError, match=rf"t\.parquet: {said}"):
        read("parquet", tmp_path / "t.parquet", columns=columns)


def test_what_is_no_parquet_is_said(tmp_path):
    whole = io.BytesIO()
    parquet.write_table(pyarrow.table({"a": ["x" * 1000] * 1000}), whole)
    for content in (b"a,b\n1,2\n", b"", whole.getvalue()[:-20], whole.getvalue()[100:]):
        path = written(tmp_path / "t.parquet", content)
        with pytest.raises(
            DataError, match=r"t\.parquet: it cannot be read as Parquet \(.*\); write or fetch it again"
        ):
            read("parquet", path)


def test_without_pyarrow_it_is_said_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ConfigError, match=r'run pip install "ostinato\[parquet\]"'):
        read("parquet", tmp_path / "t.parquet")


class TestSkipped:
    """Bad rows are left out only where that is asked for, and then they are counted and said."""

    @pytest.mark.parametrize(
        ("kind", "content", "first"),
        [
            ("jsonl", b'{"a": 1}\n{"a": "x"}\n{"a": "\xe9"}\n{"a": 4}\n\n', "line 2, column 'a': 'x'"),
            ("csv", b'a,b\n1,"\n"\nx,y\n\xe9,z\n4,\n5\n', "line 4, column 'a': 'x'"),
        ],
    )
    def test_they_are_counted_and_said(self, tmp_path, caplog, kind, content, first):
        path = written(tmp_path / "t", content)
        for _ in range(2):  # of an index that is kept, too
            caplog.clear()
            rows = read(kind, path, columns={"a": "integer"}, bad_rows="skip")
            assert fields(rows) == [{"a": 1}, {"a": 4}]
            assert rows.skipped == 3
            assert caplog.messages == [f"{path}: 3 of 5 rows were left out, the first for {first} is not an integer"]
            assert caplog.records[0].levelno == logging.WARNING

    def test_of_a_parquet(self, tmp_path, caplog):
        parquet.write_table(pyarrow.table({"a": [1.0, math.nan, 3.0]}), tmp_path / "t.parquet")
        rows = read("parquet", tmp_path / "t.parquet", columns={"a": "number"}, bad_rows="skip")
        assert [row.fields["a"] for row in rows] == [1.0, 3.0]
        assert [row.key[-2:] for row in rows] == [":0", ":2"]
        assert "1 of 3 rows were left out, the first for row 1, column 'a': nan is not finite" in caplog.text

    def test_of_an_iterable(self, caplog):
        rows = InMemoryRows([{"a": 1}, {"a": "x"}, 7], {"a": "integer"}, "mine", "skip")
        assert [row.key for row in rows] == ["mine:0"]
        assert rows.skipped == 2
        rows = InMemoryRows([{"a": number} for number in [*range(40), "x"]], {"a": "integer"}, "mine", "skip")
        assert {name: split.skipped for name, split in split_by_hash(rows, {"valid": 0.5}).items()} == {
            "train": 1, "valid": 0
        }  # fmt: skip
        message = "mine: 2 of 3 rows were left out, the first for mine: row 1, column 'a': 'x' is not an integer"
        assert message in caplog.text

    def test_if_none_is_left_that_is_an_error(self, tmp_path):
        path = written(tmp_path / "t.jsonl", '{"a": 1}\n{"a": 2}\n')
        with pytest.raises(
            DataError, match=r"it has no row; all of its 2 rows were left out, the first for line 1, col"
        ):
            read("jsonl", path, columns={"a": "text"}, bad_rows="skip")
        with pytest.raises(DataError, match=r"rows: there is no row but bad ones"):
            InMemoryRows([{"a": 1}], {"a": "text"}, bad_rows="skip")

    def test_where_rows_end_must_be_known(self, tmp_path):
        path = written(tmp_path / "t.csv", 'a,b\n1,"2\n3,4\n')
        with pytest.raises(DataError, match="never closed") as caught:
            read("csv", path, bad_rows="skip")
        assert "bad_rows" not in str(caught.value)


class TestInMemoryRows:
    def test_a_sequence_is_read_where_it_is(self):
        class Counted:
            asked = 0

            def __len__(self):
                return 3

            def __getitem__(self, number):
                self.asked += 1
                return {"n": number}

        items = Counted()
        rows = InMemoryRows(items)
        assert items.asked == 3
        assert rows[1].fields == {"n": 1}
        assert items.asked == 4

    @pytest.mark.parametrize(
        ("items", "columns", "said"),
        [
            ([], {}, "rows: there is no row; pass some"),
            ([{"a": 1}, [2]], {}, r"rows: row 1: it is a list, not a dict of columns"),
            ([{"a": math.nan}], {"a": "number"}, r"rows: row 0, column 'a': nan is not finite"),
            ([{"b": 1, "a": math.nan}], {}, r"rows: row 0, column 'a': nan is not finite"),
            ([{"b": 1, "a": np.array([1, -np.inf])}], {}, r"rows: row 0, column 'a': a number in it is not finite"),
            (iter([{"a": 1}, {}]), {"a": "any"}, r"rows: row 1, column 'a': the row has no such column"),
            ([{"a": {1: 2, "b": 3}}], {}, r"rows: row 0: it cannot be written as JSON .*; give names that are texts"),
        ],
    )
    def test_what_is_wrong_is_said(self, items, columns, said):
        with pytest.raises(DataError, match=said):
            InMemoryRows(items, columns)

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            ('bad_rows="skipp"', "rows.bad_rows: there is no 'skipp'; did you mean 'skip'?"),
            ('columns={"a": "int"}', "rows.columns.a: there is no kind 'int'; did you mean 'integer'?"),
        ],
    )
    def test_what_is_asked_for_must_exist(self, options, said):
        """In a process of its own, where no type is checked for the tests' sake."""
        call = f'from ostinato.data import InMemoryRows; InMemoryRows([{{"a": 1}}], {options})'
        left = subprocess.run([sys.executable, "-c", call], capture_output=True, text=True, check=False)
        assert left.stderr.splitlines()[-1] == f"ostinato.errors.ConfigError: {said}"


class TestFolders:
    @pytest.fixture
    def root(self, tmp_path):
        for name in ("cat/1.txt", "cat/2.txt", "cat/more/3.txt", "dog/4.txt", ".git/x.txt", "dog/.hidden.txt"):
            path = tmp_path / "root" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"text of {path.name}")
        return tmp_path / "root"

    def test_a_folder_is_a_class(self, root):
        rows = read("folder", root, text=True)
        assert fields(rows) == [
            {"path": str(root / name), "label": name[:3], "text": f"text of {name[4:]}"}
            for name in ("cat/1.txt", "cat/2.txt", "dog/4.txt")
        ]
        assert rows[1].key == str(root / "cat/2.txt")
        deep = read("folder", root, files="**/*.txt")
        assert [row.fields["label"] for row in deep] == ["cat", "cat", "cat", "dog"]

    def test_files_that_fit_a_pattern(self, root):
        rows = read("files", root / "**" / "*.txt", folder=root.parent)
        assert [row.key for row in rows] == [
            str(root / name) for name in ("cat/1.txt", "cat/2.txt", "cat/more/3.txt", "dog/4.txt")
        ]
        assert fields(rows)[0] == {"path": str(root / "cat/1.txt")}
        assert [row.key for row in read("files", root / "cat" / "1.txt", folder=root.parent)] == [
            str(root / "cat/1.txt")
        ]

    def test_a_split_does_not_depend_on_where_the_folder_lies(self, root, tmp_path):
        def labelled(at):
            splits = data_sources.build(
                {"name": "files", "path": f"{at}/**/*.txt", "valid": 0.5}, folder=tmp_path
            ).splits
            return {name: [os.path.relpath(row.key, at) for row in rows] for name, rows in splits.items()}

        before = labelled(root)
        root.rename(tmp_path / "moved")
        assert labelled(tmp_path / "moved") == before

    def test_what_is_wrong_is_said(self, root):
        with pytest.raises(DataError, match=r"nowhere: there is no such folder; check its name"):
            read("folder", root / "nowhere", folder=root.parent)
        with pytest.raises(DataError, match=r"1\.txt: there is no such folder; name its folder"):
            read("folder", root / "cat" / "1.txt", folder=root.parent)
        with pytest.raises(DataError, match=r"dog: it has no sub-folder"):
            read("folder", root / "dog", folder=root.parent)
        with pytest.raises(DataError, match=r"this class has no file that matches '\*\.wav'"):
            read("folder", root, files="*.wav", folder=root.parent)
        with pytest.raises(DataError, match=r"'/x/\*': it is not a pattern of files"):
            read("folder", root, files="/x/*", folder=root.parent)
        with pytest.raises(DataError, match=r"\*\.wav: no file matches this pattern"):
            read("files", root / "*.wav", folder=root.parent)
        written(root / "cat" / "2.txt", b"t\xe9xt")
        with pytest.raises(DataError, match=r"2\.txt: byte 1 is not UTF-8"):
            read("folder", root, text=True, folder=root.parent)
        written(root / "notes.txt", "beside")
        with pytest.raises(DataError, match=r"notes\.txt: it lies beside the classes"):
            read("folder", root, folder=root.parent)

"""Encoded rows: what was encoded comes back, once made it is taken, and what is wrong is named with the row's key."""

import errno
import os
import threading
from pathlib import Path

import numpy as np
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ostinato.data import InMemoryRows, Row, data_sources
from ostinato.data.encoded import EncodedRows
from ostinato.data.table.rows import Subset, content_hash
from ostinato.errors import DataError, ResourceError
from ostinato.progress import silent

TEXTS = ["one", "", "three words here", "é"]


def rows(texts=TEXTS, name="mine"):
    return InMemoryRows([{"text": text, "label": number} for number, text in enumerate(texts)], name=name)


def letters(row):
    return {"ids": np.frombuffer(row.fields["text"].encode(), np.uint8), "label": np.array(row.fields["label"])}


def build(of, path, encode=letters, how=None, progress=silent, length_of="ids"):
    return EncodedRows.build(of, encode, path, how or {"by": "letters"}, progress, length_of=length_of)


@given(data=st.data(), count=st.integers(1, 6))
@settings(max_examples=12)
def test_what_was_encoded_comes_back(data, count, tmp_path_factory):
    """Fields of any numeric dtype and any shape behind the first axis, of any length."""
    kinds = data.draw(st.lists(st.tuples(
        st.sampled_from(["?", "u1", "i2", "i8", "f4", "f8"]), st.none() | st.lists(st.integers(0, 3), max_size=2)),
        min_size=1, max_size=4))  # fmt: skip
    encodings = [
        {
            str(i): data.draw(arrays.arrays(dtype, () if shape is None else (data.draw(st.integers(0, 4)), *shape)))
            for i, (dtype, shape) in enumerate(kinds)
        }
        for _ in range(count)
    ]
    source = InMemoryRows([{"n": number} for number in range(count)])
    store = build(source, tmp_path_factory.mktemp("e") / "rows", lambda row: encodings[row.fields["n"]], length_of="0")
    for number in reversed(range(count)):
        key, fields = store[number]
        assert key == source[number].key
        assert list(fields) == list(encodings[number])
        for name, value in encodings[number].items():
            assert fields[name].dtype == value.dtype
            np.testing.assert_array_equal(fields[name], value, strict=True)
            assert fields[name].flags.writeable
    wanted = [len(each["0"]) if each["0"].ndim else 1 for each in encodings]
    assert store.lengths.dtype == np.int64
    assert store.lengths.tolist() == wanted


def test_rows_are_reached_by_number(tmp_path):
    store = build(rows(), tmp_path / "rows")
    assert len(store) == 4
    assert [row.fields["label"].item() for row in store] == [0, 1, 2, 3]
    assert store[-1].key == store[1:][-1].key == store.key(3) == "mine:3"
    assert store.lengths.tolist() == [3, 0, 16, 2]
    assert store.lengths_of("label").tolist() == [1, 1, 1, 1]
    for number in (4, -5):
        with pytest.raises(IndexError, match="there is no row"):
            store[number]


class Counted:
    def __init__(self):
        self.calls = 0

    def __call__(self, row):
        self.calls += 1
        return letters(row)


def test_it_is_made_again_only_where_contents_or_manner_change(tmp_path):
    path, encode = tmp_path / "rows", Counted()
    build(rows(), path, encode)
    again = build(rows(name="renamed"), path, encode)
    assert encode.calls == 4
    assert again[2].key == "renamed:2"  # a key is the row's own, not the file's
    build(rows(), path, encode, how={"by": "words"})
    assert encode.calls == 8
    build(rows(TEXTS[::-1]), path, encode, how={"by": "words"})
    assert encode.calls == 12
    build(rows(TEXTS[::-1]), path, encode, how={"by": "words"})
    assert encode.calls == 12
    path.with_name("rows.json").write_text("{")
    build(rows(TEXTS[::-1]), path, encode, how={"by": "words"})
    os.truncate(path, 8)
    build(rows(TEXTS[::-1]), path, encode, how={"by": "words"})
    assert encode.calls == 20


def test_the_hash_is_of_contents_in_order(tmp_path):
    whole = rows()
    assert content_hash(whole) == content_hash(rows(name="other")) == build(whole, tmp_path / "rows").content_hash
    assert content_hash(whole) == content_hash(list(whole))  # of any sequence of rows
    parts = [content_hash(Subset(whole, np.array(numbers))) for numbers in ([0, 1], [1, 0], [0], [0, 1, 2, 3])]
    assert len(set(parts)) == 4
    assert parts[3] == content_hash(whole)
    with pytest.raises(DataError, match=r"here:7, column 'a': nan is not finite"):
        content_hash([Row("here:7", {"a": float("nan")})])


def test_the_hash_knows_the_bytes_of_files(tmp_path):
    folder = tmp_path / "texts"
    folder.mkdir()
    for name in "abc":
        (folder / f"{name}.txt").write_text(name)
    table = {"name": "files", "path": f"{folder}/*.txt", "valid": 0.0}

    def train():
        return data_sources.build(table, folder=tmp_path).splits["train"]

    before, first = content_hash(train()), content_hash(Subset(train(), np.array([0])))
    assert content_hash(train()) == before
    identities = train().identities()
    (folder / "b.txt").write_text("x")
    after = train()
    assert content_hash(after) != before
    assert content_hash(Subset(after, np.array([0]))) == first
    assert after.identities().tolist() == identities.tolist()  # and so no file changes its split


def refused(row):
    if row.fields["label"] == 2:
        raise DataError("its text has no words; leave it out")
    return letters(row)


def replaced(**fields):
    return lambda row: {**letters(row), **fields} if row.fields["label"] == 2 else letters(row)


@pytest.mark.parametrize(
    ("encode", "said"),
    [
        (refused, "mine:2: its text has no words; leave it out"),
        (replaced(more=np.zeros(1)), "mine:2: it is encoded as ids, label, more, and the rows before as ids, label; "),
        (replaced(ids=np.zeros(3)), r"mine:2: field 'ids' is float64 \[T\], and uint8 \[T\] in the rows before; bring"),
        (
            replaced(ids=np.zeros((3, 2), np.uint8)),
            r"mine:2: field 'ids' is uint8 \[T 2\], and uint8 \[T\] in the",
        ),
        (replaced(label=np.zeros(1, np.int64)), r"mine:2: field 'label' is int64 \[T\], and int64 scalar in the rows"),
        (lambda row: {"ids": np.array(["a"])}, "mine:0: field 'ids' is encoded as <U1; encode it as numbers"),
        (lambda row: {}, "mine:0: it is encoded as no field; encode every row as at least one"),
        (lambda row: {"other": np.zeros(3)}, "rows: there is no field 'ids' to measure; encode it in every row"),
    ],
)
def test_what_is_wrong_is_said_with_the_rows_key(encode, said, tmp_path):
    with pytest.raises(DataError, match=f"^{said}") as caught:
        build(rows(), tmp_path / "rows", encode)
    assert "\n" not in str(caught.value)


def test_a_key_is_said_once(tmp_path):
    def encode(row):
        raise DataError(f"{row.key}, column 'text': it is empty; delete it")

    with pytest.raises(DataError, match=r"^mine:0, column 'text': it is empty; delete it$"):
        build(rows(), tmp_path / "rows", encode)
    with pytest.raises(DataError, match="rows: there is no row to encode"):
        build([], tmp_path / "rows")


def test_nothing_is_left_of_one_that_failed(tmp_path):
    with pytest.raises(DataError):
        build(rows(), tmp_path / "e" / "rows", refused)
    assert list((tmp_path / "e").iterdir()) == []

    def full(row):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(ResourceError, match="the disk is full"):
        build(rows(), tmp_path / "e" / "rows", full)
    assert list((tmp_path / "e").iterdir()) == []


def test_a_file_that_changes_while_it_is_read_is_named(tmp_path):
    store = build(rows(["x" * 10_000, "y" * 10_000]), tmp_path / "rows")
    os.truncate(tmp_path / "rows", 12_000)
    with pytest.raises(DataError, match="it was changed while it was read; start again"):
        store[1]


def test_progress_counts_rows(tmp_path):
    seen = []
    build(rows(["a"] * 3), tmp_path / "train", progress=lambda *what: seen.append(what))
    assert seen == [("encode train", done, 3) for done in (1, 2, 3)]


def test_a_large_table_does_not_fill_memory(tmp_path):
    process, highest, size = psutil.Process(), 0, 500_000
    before = process.memory_info().rss

    def seen(*_):
        nonlocal highest
        highest = max(highest, process.memory_info().rss - before)

    def encode(row):
        return {"x": np.full(size, row.fields["n"], np.uint8)}

    store = build(InMemoryRows([{"n": n} for n in range(200)]), tmp_path / "rows", encode, None, seen, "x")
    for number in np.random.default_rng(0).permutation(200).tolist():
        assert (store[number].fields["x"] == number).all()
        seen()
    assert highest < 200 * size / 4


def test_threads_share_it(tmp_path):
    store = build(rows([str(number) * 50 for number in range(200)]), tmp_path / "rows")
    wrong: list[int] = []

    def read(seed):
        for number in np.random.default_rng(seed).permutation(200).tolist():
            if store[number].fields["ids"].tobytes() != (str(number) * 50).encode():
                wrong.append(number)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_the_file_is_read_where_it_stands(tmp_path):
    store = build(rows(), tmp_path / "rows")
    Path(tmp_path / "rows").unlink()
    assert bytes(store[2].fields["ids"]) == b"three words here"

"""The text source: where a text is found, how it is cut, and what is said of one that cannot be used."""

import gzip
import lzma
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.data import Text, data_sources
from ostinato.data import paths as origin_module
from ostinato.data.paths import resolve_file
from ostinato.data.text_file import PIECE_BYTES
from ostinato.errors import ConfigError, DataError, ResourceError


def corpora(text, folder, **options):
    return data_sources.build({"name": "text", "text": str(text), **options}, folder=folder)


def read(text: Text) -> str:
    return "".join(text.pieces())


def test_shares_are_of_bytes_in_order(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("0123456789" * 10)
    made = corpora(path, tmp_path, valid=0.1, test=0.2)
    assert {name: (text.start, text.end) for name, text in made.splits.items()} == {
        "train": (0, 70), "valid": (70, 80), "test": (80, 100)
    }  # fmt: skip
    assert list(corpora(path, tmp_path).splits) == ["train", "valid"]
    assert list(corpora(path, tmp_path, valid=0.0).splits) == ["train"]
    path.write_bytes(b"x" * 1_115_394)
    assert corpora(path, tmp_path).splits["train"].end == int(0.9 * 1_115_394)


@given(text=st.text(alphabet="aé€😀", min_size=40, max_size=80), valid=st.floats(0.2, 0.4), test=st.floats(0.2, 0.4))
@settings(deadline=None, max_examples=40)
def test_no_character_is_cut(tmp_path_factory, text, valid, test):
    folder = tmp_path_factory.mktemp("cut")
    (folder / "a.txt").write_text(text, encoding="utf-8")
    splits = corpora(folder / "a.txt", folder, valid=valid, test=test).splits
    assert "".join(read(splits[name]) for name in ("train", "valid", "test")) == text
    size = len(text.encode())
    assert 0 <= splits["train"].end - int(round((1 - valid - test) * size, 6)) <= 3


def test_nothing_is_changed_on_the_way(tmp_path):
    raw = "\ufeffline\r\nline\n\r\0end".encode()
    (tmp_path / "a.txt").write_bytes(raw)
    assert read(corpora(tmp_path / "a.txt", tmp_path, valid=0.0).splits["train"]).encode() == raw


def test_long_text_comes_in_pieces(tmp_path):
    text = "aé€😀" * 500_000
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    train = corpora(tmp_path / "a.txt", tmp_path, valid=0.0).splits["train"]
    seen = []
    pieces = list(train.pieces(lambda done, total: seen.append((done, total))))
    assert len(pieces) > 1
    assert max(len(piece.encode()) for piece in pieces) <= PIECE_BYTES + 3
    assert "".join(pieces) == text
    assert seen[-1] == (train.size_bytes, train.size_bytes)
    assert seen == sorted(seen)


@pytest.mark.parametrize("place", [0, 10, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 5])
def test_bytes_that_are_not_utf8_are_named(tmp_path, place):
    raw = bytearray(b"a" * (PIECE_BYTES + 100))
    raw[place] = 0xFF
    path = tmp_path / "a.txt"
    path.write_bytes(raw)
    with pytest.raises(DataError, match=rf'a\.txt: byte {place} is not UTF-8 .*errors = "replace"'):
        read(Text(path, 0, len(raw)))
    replaced = read(corpora(path, tmp_path, valid=0.0, errors="replace").splits["train"])
    assert replaced == raw.decode(errors="replace")


def test_bad_bytes_are_named_from_the_start_of_the_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"a\n" * 25 + b"\xe2\x82")
    with pytest.raises(DataError, match=r"byte 50 is not UTF-8 \(unexpected end of data, in line 26\)"):
        read(Text(path, 20, 52))


def test_the_hash_is_of_the_span(tmp_path):
    import hashlib

    (tmp_path / "a.txt").write_bytes(b"0123456789")
    assert Text(tmp_path / "a.txt", 2, 5).sha256 == hashlib.sha256(b"234").hexdigest()


def test_python_brings_a_text(tmp_path):
    made = corpora("builtin:pydoc", tmp_path)
    assert made.splits["train"].size_bytes > 300_000
    path = made.splits["train"].path
    before = path.stat().st_mtime_ns
    assert corpora("builtin:pydoc", tmp_path).splits["train"].path.stat().st_mtime_ns == before
    path.write_text("spoilt")
    assert corpora("builtin:pydoc", tmp_path).splits["train"].size_bytes > 300_000


def test_an_unknown_builtin_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"builtin:pydok: .* did you mean 'pydoc'\?"):
        corpora("builtin:pydok", tmp_path)


@pytest.mark.parametrize(("suffix", "pack"), [(".gz", gzip.compress), (".xz", lzma.compress)])
def test_compressed_text_is_unpacked_once(tmp_path, suffix, pack):
    packed, folder = tmp_path / f"a.txt{suffix}", tmp_path / "run"
    packed.write_bytes(pack(b"one two three " * 1000))
    plain = corpora(packed, folder, valid=0.0).splits["train"].path
    assert plain == folder / "a.txt"
    assert plain.read_bytes() == b"one two three " * 1000
    before = plain.stat().st_mtime_ns
    corpora(packed, folder)
    assert plain.stat().st_mtime_ns == before
    plain.write_bytes(b"cut short")  # as a full disk might leave it
    assert corpora(packed, folder, valid=0.0).splits["train"].size_bytes == 14_000
    packed.write_bytes(pack(b"four five six"))
    assert read(corpora(packed, folder, valid=0.0).splits["train"]) == "four five six"
    assert not list(folder.glob("*.part"))


@pytest.mark.parametrize(
    ("name", "raw"),
    [("a.gz", b"plain text"), ("a.gz", gzip.compress(b"a" * 1000, mtime=0)[:-12]),
     ("a.gz", gzip.compress(bytes(99), mtime=0)[:12]), ("a.xz", b"plain text"),
     ("a.xz", lzma.compress(b"a" * 1000)[:-12])],
)  # fmt: skip
def test_a_broken_archive_is_refused(tmp_path, name, raw):
    (tmp_path / name).write_bytes(raw)
    with pytest.raises(DataError, match=r"cannot be decompressed .* fetch it again"):
        corpora(tmp_path / name, tmp_path / "run")
    assert not list((tmp_path / "run").iterdir())


def test_progress_is_told(tmp_path):
    (tmp_path / "a.gz").write_bytes(gzip.compress(os.urandom(3_000_000)))
    told = []
    resolve_file(str(tmp_path / "a.gz"), tmp_path, lambda *what: told.append(what))
    assert told[-1][0] == "decompress a.gz"
    assert all(0 < done <= total for _, done, total in told)


def test_a_mirror_is_a_folder_named_outside(tmp_path, monkeypatch):
    monkeypatch.delenv("OSTINATO_DATA", raising=False)
    with pytest.raises(DataError, match=r"mirror:some/a\.txt: the variable OSTINATO_DATA is not set"):
        corpora("mirror:some/a.txt", tmp_path)
    monkeypatch.setenv("OSTINATO_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match=r"nowhere, which is not a folder"):
        corpora("mirror:some/a.txt", tmp_path)
    monkeypatch.setenv("OSTINATO_DATA", str(tmp_path))
    (tmp_path / "some").mkdir()
    with pytest.raises(DataError, match=r"no such file"):
        corpora("mirror:some/a.txt", tmp_path)
    (tmp_path / "some" / "a.txt").write_text("a text of some length")
    assert read(corpora("mirror:some/a.txt", tmp_path, valid=0.0).splits["train"]) == "a text of some length"


def test_files_that_cannot_be_used_are_refused(tmp_path, monkeypatch):
    (tmp_path / "input.txt").write_text("some text that is long enough")
    with pytest.raises(DataError, match=r"imput\.txt: there is no such file; did you mean 'input\.txt'\?"):
        corpora(tmp_path / "imput.txt", tmp_path)
    with pytest.raises(DataError, match=r"there is no such file; check its name"):
        corpora(tmp_path / "else", tmp_path)
    with pytest.raises(DataError, match=r"the folder .*none does not exist either"):
        corpora(tmp_path / "none" / "a.txt", tmp_path)
    with pytest.raises(DataError, match=r"no such file"):
        corpora(tmp_path / "input.txt" / "a.txt", tmp_path)
    with pytest.raises(DataError, match=r"it is a folder, not a text file"):
        corpora(tmp_path, tmp_path)
    with pytest.raises(DataError, match=r"cannot be opened"):
        corpora("a" * 5000, tmp_path)
    with pytest.raises(DataError, match=r"cannot be opened"):
        corpora("a\0b", tmp_path)
    with pytest.raises(DataError, match=r"folder"):
        corpora("", tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match=r"not a regular file"):
        corpora(tmp_path / "pipe", tmp_path)

    def refused(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(DataError, match=r"it may not be read by this user"):
        corpora(tmp_path / "input.txt", tmp_path)


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("", {}, "it is empty"),
        ("a", {}, "its 1 bytes are too few for train and valid"),
        ("a", {"valid": 0.0}, "too few for train"),
        ("€", {"valid": 0.0}, "too few for train"),
        ("abcdefgh", {}, "valid would have less than two characters"),
        ("€€€€€€€€€€€€", {}, "valid would have less than two characters"),
    ],
)
def test_a_text_that_is_too_short_is_refused(tmp_path, text, options, said):
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=said):
        corpora(tmp_path / "a.txt", tmp_path, **options)


@pytest.mark.parametrize(
    ("options", "said"),
    [({"valid": 0.5, "test": 0.5}, "leave nothing to train on"), ({"valid": -0.1}, "valid"), ({"test": 1.0}, "test"),
     ({"errors": "ignore"}, "errors"), ({"vaild": 0.1}, "did you mean 'valid'")],
)  # fmt: skip
def test_bad_options_are_refused(tmp_path, options, said):
    (tmp_path / "a.txt").write_text("some text that is long enough")
    with pytest.raises(ConfigError, match=said):
        corpora(tmp_path / "a.txt", tmp_path, **options)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match=r"cannot be written .* choose another folder"):
        corpora("builtin:pydoc", tmp_path / "file")


def test_a_full_disk_is_named(tmp_path, monkeypatch):
    packed = tmp_path / "a.gz"
    packed.write_bytes(gzip.compress(b"a" * 1000))

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ostinato.files.os.fsync", full)
    with pytest.raises(ResourceError, match="the disk is full"):
        origin_module.resolve_file(str(packed), tmp_path / "run")
    assert not list((tmp_path / "run").iterdir())


def test_what_a_killed_process_left_is_swept(tmp_path):
    old, new = tmp_path / "pydoc.txt.1.part", tmp_path / "pydoc.txt.2.part"
    for left in (old, new):
        left.write_text("half")
    os.utime(old, (0, 0))
    corpora("builtin:pydoc", tmp_path)
    assert not old.exists()
    assert new.exists()


def test_a_file_that_shrinks_is_named(tmp_path):
    (tmp_path / "a.txt").write_text("0123456789")
    with pytest.raises(DataError, match="shorter while it was read"):
        read(Text(tmp_path / "a.txt", 0, 11))
    with pytest.raises(DataError, match="cannot be read"):
        read(Text(tmp_path / "b.txt", 0, 11))

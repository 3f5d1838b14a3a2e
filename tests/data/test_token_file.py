"""Token files: made once, whole or not at all, and of no weight in memory."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

from ostinato.data import Text, TokenFile
from ostinato.data import token_file as tokens_module
from ostinato.errors import DataError
from ostinato.text import Bytes, Characters

STORY = "the cat sat on the mat — naïve 😀\n" * 50


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "story.txt"
    path.write_text(STORY, encoding="utf-8")
    return Text(path, 0, path.stat().st_size)


def trained(on: str) -> Characters:
    tokenizer = Characters()
    tokenizer.train([on])
    return tokenizer


@pytest.mark.parametrize("tokenizer", [trained(STORY), Bytes()], ids=["character", "byte"])
def test_ids_are_the_boundary_and_the_text(text, tmp_path, tokenizer):
    tokens = TokenFile.build(text, tokenizer, tmp_path / "t.bin")
    wanted = [tokenizer.eos, *tokenizer.encode(STORY).tolist()]
    assert tokens[:].tolist() == wanted
    assert tokens[3:7].dtype == np.int64
    assert tokens[3:7].tolist() == wanted[3:7]
    assert tokens[-2:].tolist() == wanted[-2:]
    assert tokens[5:2].tolist() == tokens[9999:].tolist() == []
    assert np.concatenate(list(tokens.chunks(7))).tolist() == wanted
    assert (len(tokens), tokens.characters, tokens.bytes, tokens.oov) == (
        len(wanted), len(STORY), len(STORY.encode()), 0
    )  # fmt: skip
    with pytest.raises(IndexError):
        tokens[::2]


def test_unknown_ids_are_counted(text, tmp_path):
    tokens = TokenFile.build(text, trained("the cat"), tmp_path / "t.bin")
    assert tokens.oov == sum(c not in "the cat" for c in STORY)
    assert tokens.bytes == len(STORY.encode())


def test_replaced_bytes_are_counted_as_they_are_read(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"ab\xffcd\xe2\x82")
    tokens = TokenFile.build(Text(tmp_path / "a.txt", 0, 7, "replace"), Bytes(), tmp_path / "t.bin")
    assert tokens.bytes == len("ab\ufffdcd\ufffd".encode()) == len(tokens) - 1
    with pytest.raises(DataError, match="byte 2 is not UTF-8"):
        TokenFile.build(Text(tmp_path / "a.txt", 0, 7, "strict"), Bytes(), tmp_path / "t.bin")


def test_the_cut_into_pieces_does_not_show(text, tmp_path, monkeypatch):
    monkeypatch.setattr("ostinato.data.text_file.PIECE_BYTES", 5)
    tokens = TokenFile.build(text, Bytes(), tmp_path / "t.bin")
    assert tokens[1:].tolist() == list(STORY.encode())


def test_it_is_made_again_only_when_something_changed(text, tmp_path):
    path = tmp_path / "t.bin"
    made = lambda text, tokenizer: TokenFile.build(text, tokenizer, path).path.stat().st_mtime_ns  # noqa: E731
    first = made(text, Bytes())
    assert made(text, Bytes()) == first
    assert made(Text(text.path, 0, 20), Bytes()) != first
    second = made(text, Bytes())
    assert made(text, trained(STORY)) != second
    third = made(text, trained(STORY))
    os.truncate(path, 10)
    assert made(text, trained(STORY)) != third
    assert TokenFile.build(text, trained(STORY), path)[1:].tolist() == trained(STORY).encode(STORY).tolist()


@pytest.mark.parametrize("broken", ["", "{", "[]", '{"dtype": "|u1"}', "dtype", "count"])
def test_a_broken_description_is_made_again(text, tmp_path, broken):
    path, sidecar = tmp_path / "t.bin", tmp_path / "t.bin.json"
    TokenFile.build(text, Bytes(), path)
    if broken in ("dtype", "count"):
        sidecar.write_text(json.dumps({**json.loads(sidecar.read_text()), broken: "nonsense"}))
    else:
        sidecar.write_text(broken)
    assert TokenFile.build(text, Bytes(), path)[1:].tolist() == list(STORY.encode())
    assert json.loads(sidecar.read_text())["characters"] == len(STORY)


KILLED = """
import sys
from pathlib import Path
from ostinato.data import Text, TokenFile
from ostinato.text import Bytes
path = Path(sys.argv[1])
def progress(*_):
    print(".", flush=True)
while True:
    TokenFile.build(Text(path, 0, path.stat().st_size), Bytes(), path.with_name("t.bin"), progress)
    path.with_name("t.bin.json").unlink()
"""


def test_killed_at_any_moment_it_can_be_made_again(tmp_path):
    path = tmp_path / "a.txt"
    raw = b"0123456789abcdef" * 200_000
    path.write_bytes(raw)
    child = subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE)
    for seed in range(3):
        child.stdout.readline()
        time.sleep(0.006 * seed)
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        tokens = TokenFile.build(Text(path, 0, len(raw)), Bytes(), tmp_path / "t.bin")
        assert bytes(tokens[1:].astype(np.uint8)) == raw
        if seed < 2:
            (tmp_path / "t.bin.json").unlink()
            child = subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE)
    assert tokens.counts.count == len(raw) + 1


def test_reading_does_not_fill_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(tokens_module, "RESIDENT_BYTES", 8 << 20)
    path = tmp_path / "a.txt"
    with path.open("wb") as file:
        for _ in range(64):
            file.write(b"0123456789abcde\n" * 65536)
    process = psutil.Process()
    tokenizer = trained("0123456789abcde\n")
    before, highest, done = process.memory_info().rss, 0, time.perf_counter()

    def progress(*_):
        nonlocal highest
        highest = max(highest, process.memory_info().rss - before)

    tokens = TokenFile.build(Text(path, 0, path.stat().st_size), tokenizer, tmp_path / "t.bin", progress)
    bytes_per_second = path.stat().st_size / (time.perf_counter() - done)
    for chunk in tokens.chunks():
        progress(chunk)
    rows = len(tokens) // 16
    for start in range(0, rows - 64, 64 * 50):
        for row in range(16):
            tokens[row * rows + start : row * rows + start + 64]
        progress()
    assert highest < 40 << 20
    assert bytes_per_second > 20e6


def test_a_file_that_cannot_be_read_is_named(text, tmp_path):
    counts = TokenFile.build(text, Bytes(), tmp_path / "t.bin").counts
    (tmp_path / "t.bin").unlink()
    with pytest.raises(DataError, match=r"t\.bin: its tokens cannot be read .* made again"):
        TokenFile(tmp_path / "t.bin", counts)


def test_progress_is_told(text, tmp_path):
    told = []
    TokenFile.build(text, Bytes(), tmp_path / "t.bin", lambda *what: told.append(what))
    assert told == [("tokenize story.txt", text.size_bytes, text.size_bytes)]

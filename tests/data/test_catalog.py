"""The catalog: what is known of each set, and files fetched once, whole, or not at all."""

import fcntl
import gzip
import hashlib
import http.server
import json
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from ostinato.data.catalog import Catalog, DataSet, File, Folder, catalog
from ostinato.data.catalog.get import check, get, home, renew, use
from ostinato.errors import ConfigError, DataError

CONTENT = b"".join(f"{i} line of a file\n".encode() for i in range(50_000))


class Server:
    """Serves CONTENT at any path; `breaks` answers stop half-way, `ranges` says whether it can begin in the middle."""

    def __init__(self, breaks=0, ranges=True, status=None, content=CONTENT):
        self.asked: list[str | None] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked = self.headers.get("Range")
                outer.asked.append(asked)
                if status:
                    self.send_error(status)
                    return
                begin = int(asked[6:-1]) if asked and ranges else 0
                body = content[begin:]
                self.send_response(206 if begin else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if len(outer.asked) <= breaks:
                    body = body[: len(body) // 2]
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.http.server_port}/file.txt"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture(autouse=True)
def cache_here(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("OSTINATO_DATA", raising=False)


def lines(folder: Folder, split: str):
    return ({"text": text} for _, text in folder.lines("file.txt"))


def made(url=None, content=CONTENT, **changes) -> DataSet:
    file = File("file.txt", len(content), hashlib.sha256(content).hexdigest(), url)
    data_set = DataSet(
        name="small", title="A file", task="nothing", licence="CC0 1.0", attribution="nobody", cite="nothing",
        row={"text": "a line"},
        files=(file,), counts={"train": {"lines": 50_000}}, read=lines,
        count=lambda rows: {"lines": sum(1 for _ in rows)},
    )  # fmt: skip
    return replace(data_set, **changes)


def test_a_set_is_fetched_checked_and_not_fetched_again():
    with Server() as server:
        data_set = made(server.url)
        assert home(data_set) is None
        told = []
        folder = use(data_set, progress=lambda what, done, total: told.append((what, done, total)))
        assert (folder.path / "file.txt").read_bytes() == CONTENT
        assert told[-1] == ("fetch file.txt", len(CONTENT), len(CONTENT))
        assert check(data_set, folder) == {"train": ({"lines": 50_000}, {"lines": 50_000})}
        assert use(data_set).path == folder.path == home(data_set)
        assert server.asked == [None]


@pytest.fixture
def cached(tmp_path):
    path = tmp_path / "cache" / "ostinato" / "data" / "small" / "file.txt"
    path.parent.mkdir(parents=True)
    return path


def test_a_file_that_was_cut_short_is_fetched_again(cached):
    cached.write_bytes(CONTENT[:1000])
    with Server() as server:
        use(made(server.url))
        assert server.asked == [None]
    assert cached.read_bytes() == CONTENT


def test_a_file_with_other_bytes_is_fetched_again(cached):
    cached.write_bytes(CONTENT[::-1])
    with Server() as server:
        data_set = made(server.url)
        with pytest.raises(DataError, match=r"its sha256 is .*; run ostinato data get small, which fetches it again"):
            check(data_set, use(data_set))
        assert not server.asked
        for _ in range(2):
            renew(data_set)
            assert cached.read_bytes() == CONTENT
        assert server.asked == [None]


def test_what_cannot_be_fetched_is_to_be_copied(cached):
    cached.write_bytes(CONTENT[:1000])
    copied = r"; copy it again from a mirror, or set OSTINATO_DATA to a folder that has small/file\.txt"
    with pytest.raises(DataError, match=f"it has 1,000 bytes .*{copied}"):
        use(made())
    cached.write_bytes(CONTENT[::-1])
    with pytest.raises(DataError, match=f"its sha256 is .*{copied}"):
        renew(made())


def test_a_broken_download_goes_on_where_it_stopped():
    with Server(breaks=2) as server:
        folder = get(made(server.url))
        assert (folder / "file.txt").read_bytes() == CONTENT
        assert server.asked[0] is None
        half = len(CONTENT) // 2
        assert server.asked[1:] == [f"bytes={half}-", f"bytes={half + (len(CONTENT) - half) // 2}-"]


def test_a_download_that_always_breaks_keeps_what_has_come():
    with Server(breaks=100) as server, pytest.raises(DataError, match="run again to fetch the rest"):
        get(made(server.url))
    with Server() as server:
        assert (get(made(server.url)) / "file.txt").read_bytes() == CONTENT
        assert server.asked[0].startswith("bytes=")


def test_a_server_that_cannot_go_on_starts_again():
    with Server(breaks=1, ranges=False) as server:
        assert (get(made(server.url)) / "file.txt").read_bytes() == CONTENT


def test_a_file_that_has_become_shorter_is_refused(tmp_path):
    part = tmp_path / "cache" / "ostinato" / "data" / "small" / "file.txt.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(CONTENT[:-10])  # more than the server has by now
    with Server(status=416) as server, pytest.raises(DataError, match="only 0 of"):
        get(made(server.url))


def test_another_file_is_refused_and_leaves_nothing(tmp_path):
    with Server(content=CONTENT[::-1]) as server, pytest.raises(DataError, match="so it has changed there"):
        get(made(server.url))
    assert not list((tmp_path / "cache").rglob("file.txt*"))


def test_what_is_not_there_is_said_at_once():
    with Server(status=404) as server:
        with pytest.raises(DataError, match=r"cannot be fetched .*404"):
            get(made(server.url))
        assert len(server.asked) == 1
    with pytest.raises(DataError, match="cannot be fetched"):
        get(made("http://127.0.0.1:9/file.txt"))


def test_two_do_not_fetch_at_once(tmp_path):
    folder = tmp_path / "cache" / "ostinato" / "data" / "small"
    folder.mkdir(parents=True)
    with (folder / ".lock").open("w") as lock, Server() as server:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(DataError, match="another process is fetching it"):
            get(made(server.url))


def test_a_cache_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    (tmp_path / "taken").write_text("a file")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "taken"))
    with pytest.raises(DataError, match=r"cannot be written .* set XDG_CACHE_HOME"):
        get(made("http://127.0.0.1:9/file.txt"))


class TestMirror:
    @pytest.fixture(autouse=True)
    def mirror(self, tmp_path, monkeypatch):
        monkeypatch.setenv("OSTINATO_DATA", str(tmp_path))
        (tmp_path / "small").mkdir()
        return tmp_path / "small" / "file.txt"

    def test_it_comes_before_the_network(self, mirror):
        mirror.write_bytes(CONTENT)
        assert use(made("http://127.0.0.1:9/file.txt")).path == mirror.parent

    def test_a_repacked_set_is_nowhere_else(self):
        with pytest.raises(DataError, match=r"mirror only.*OSTINATO_DATA to a folder that has small/file\.txt"):
            use(made())

    def test_half_a_file_is_refused(self, mirror):
        mirror.write_bytes(CONTENT[:1000])
        with pytest.raises(DataError, match="it has 1,000 bytes and must have"):
            use(made())

    def test_a_checksum_that_differs_is_refused(self, mirror):
        mirror.write_bytes(CONTENT[::-1])
        with pytest.raises(DataError, match=r"its sha256 is .*copy it again from a mirror"):
            check(made(), use(made()))
        url = "http://127.0.0.1:9/file.txt"
        with pytest.raises(DataError, match=f"its sha256 is .*; fetch it again from {url}"):
            renew(made(url))
        assert mirror.read_bytes() == CONTENT[::-1]

    def test_counts_that_differ_are_told(self, mirror):
        mirror.write_bytes(CONTENT)
        wrong = made(counts={"train": {"lines": 7}})
        assert check(wrong, use(wrong)) == {"train": ({"lines": 50_000}, {"lines": 7})}

    def test_the_licence_is_said_once(self, mirror):
        mirror.write_bytes(CONTENT)
        said = []
        use(made(), said.append)
        use(made(), said.append)
        assert said == ["small: CC0 1.0; attribution: nobody; cite: nothing"]

    def test_a_split_by_its_name(self, mirror):
        mirror.write_bytes(CONTENT)
        assert next(made().rows(Folder(mirror.parent), "train")) == {"text": "0 line of a file"}
        with pytest.raises(ConfigError, match="no split 'tran'; did you mean 'train'"):
            next(made().rows(Folder(mirror.parent), "tran"))

    def test_what_cannot_be_decompressed_is_named(self, mirror):
        packed = bytearray(gzip.compress(CONTENT))
        packed[len(packed) // 2 : len(packed) // 2 + 50] = b"x" * 50
        for raw in (bytes(packed), bytes(packed[: len(packed) // 3]), b"no gzip"):
            (mirror.parent / "file.gz").write_bytes(raw)
            with pytest.raises(DataError, match=r"file\.gz:\d+: it cannot be decompressed"):
                list(Folder(mirror.parent).lines("file.gz"))

    def test_a_line_that_is_not_utf8_is_named(self, mirror):
        mirror.write_bytes(b"good\nb\xffd\n")
        with pytest.raises(DataError, match=r"file\.txt:2: byte 1 is not UTF-8"):
            list(made().rows(Folder(mirror.parent), "train"))


def test_a_name_is_taken_once_and_a_wrong_one_helped():
    own = Catalog()
    own.add(made())
    with pytest.raises(ConfigError, match="registered twice"):
        own.add(made())
    with pytest.raises(ConfigError, match="no data set 'smal'; did you mean 'small'"):
        own["smal"]


@pytest.mark.parametrize("data_set", list(catalog), ids=lambda each: each.name)
def test_every_set_says_whose_it_is(data_set):
    assert data_set.title
    assert data_set.licence
    assert data_set.attribution
    assert data_set.cite
    assert data_set.row
    assert data_set.splits[0] == "train"
    for file in data_set.files:
        assert len(file.sha256) == 64
        assert file.size_bytes > 0
        assert file.url is None or file.url.startswith("https://")


@pytest.mark.skipif("OSTINATO_DATA" not in os.environ, reason="OSTINATO_DATA is not set")
@pytest.mark.parametrize("data_set", list(catalog), ids=lambda each: each.name)
def test_every_set_is_what_its_source_says(data_set, monkeypatch):
    folder = Path(MIRROR, data_set.name)
    source = (folder / "SOURCE.txt").read_text("utf-8")
    for file in data_set.files:
        assert f"{file.path}  {file.size_bytes}  {file.sha256}" in source
    for split, (found, wanted) in check(data_set, Folder(folder)).items():
        assert found == wanted, split
        row = next(iter(data_set.rows(Folder(folder), split)))
        assert set(row) == set(data_set.row)


MIRROR = os.environ.get("OSTINATO_DATA", "")


def test_rows_can_be_written_down():
    assert json.dumps({each.name: each.counts for each in catalog})

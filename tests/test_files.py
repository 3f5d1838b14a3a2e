"""Files are whole or not there, and what the system says of a full disk is one sentence."""

import contextlib
import errno
import os

import pytest

from ostinato.errors import DataError, ResourceError
from ostinato.files import FULL_DISK_ERRNOS, full_disk, replacing


def test_a_file_is_replaced_at_the_end_of_the_block(tmp_path):
    path = tmp_path / "new" / "file"
    for content in (b"first", b"second"):
        with replacing(path) as file:
            file.write(content)
            assert not path.exists() or path.read_bytes() == b"first"
        assert path.read_bytes() == content
    with contextlib.suppress(KeyError), replacing(path) as file:
        file.write(b"third")
        raise KeyError
    assert path.read_bytes() == b"second"
    assert list(path.parent.iterdir()) == [path]


def write(path, then=None):
    with replacing(path) as file:
        file.write(b"x" * 10)
        if then is not None:
            then()


@pytest.mark.parametrize("number", FULL_DISK_ERRNOS, ids=errno.errorcode.get)
@pytest.mark.parametrize("call", ["write", "fsync", "mkdir"])
def test_a_full_disk_is_one_sentence(tmp_path, monkeypatch, number, call):
    path = tmp_path / "new" / "file"

    def full(*_, **__):
        raise OSError(number, os.strerror(number))

    if call != "write":
        monkeypatch.setattr(os, call, full)
    with pytest.raises(ResourceError) as caught:
        write(path, full if call == "write" else None)
    message = f"{path}: the disk is full ({os.strerror(number)}); make room and run again"
    assert str(caught.value) == message == str(full_disk(path, OSError(number, os.strerror(number))))
    assert not path.parent.exists() or list(path.parent.iterdir()) == []


def test_other_errors_are_not_a_full_disk(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"file/under: it cannot be written \(.*\); choose another folder"):
        write(tmp_path / "file" / "under")
    with pytest.raises(OSError, match="of its own") as caught, replacing(tmp_path / "other"):
        raise OSError(errno.EIO, "an error of its own")
    assert not isinstance(caught.value, ResourceError)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_file_may_not_become_too_large(tmp_path):
    """A real limit of the system, in a process of its own."""
    import resource
    import signal

    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        try:
            with replacing(tmp_path / "file") as file:
                file.write(b"x" * 100_000)
        except ResourceError:
            os._exit(7)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert list(tmp_path.iterdir()) == []

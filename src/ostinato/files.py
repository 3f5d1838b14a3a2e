"""Files that are there whole or not at all, whenever the process is killed, and the one sentence for a full disk."""

import contextlib
import errno
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from ostinato.errors import DataError, ResourceError

ABANDONED_SECONDS: Final = 3600
FULL_DISK_ERRNOS: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What the system says where there is no room: a full disk, a used-up quota, a file that may not become so large."""


def full_disk(path: Path | str, error: OSError, advice: str = "make room and run again") -> ResourceError:
    """The sentence for an error of FULL_DISK_ERRNOS that was met when `path` was written."""
    return ResourceError(f"{path}: the disk is full ({error.strerror}); {advice}")


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write that becomes `path` at the end of the block: temporary name, fsync, rename.

    The folder is made where it is missing; `path` stays as it was where the block raises. Raises ResourceError where
    the disk is full and DataError where the folder cannot be written.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path)
        file = temporary.open("wb")
    except OSError as error:
        if error.errno in FULL_DISK_ERRNOS:
            raise full_disk(path, error) from error
        raise DataError(f"{path}: it cannot be written ({error.strerror}); choose another folder") from error
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        if error.errno in FULL_DISK_ERRNOS:
            raise full_disk(path, error) from error
        raise
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on disk, so that a rename outlives a power cut."""
    if os.name == "nt":  # folders cannot be opened there, and renames are journalled
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sweep(path: Path) -> None:
    """Remove what a killed process left; one that lives writes to its file far more often than once an hour."""
    for left in path.parent.glob(f"{path.name}.*.part"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > ABANDONED_SECONDS:
                left.unlink()

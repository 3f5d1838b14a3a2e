"""Paths: the file or folder that a recipe's name means (a path, builtin:…, mirror:…), decompressed once."""

import gzip
import lzma
import os
import stat
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, TypeAlias

from ostinato.data.builtin import builtin, builtin_folder
from ostinato.data.derived_file import derived_file, file_origin
from ostinato.errors import DataError
from ostinato.progress import OnProgress, silent
from ostinato.registry import nearest

DecompressedFile: TypeAlias = gzip.GzipFile | lzma.LZMAFile

MIRROR = "OSTINATO_DATA"
CHUNK_BYTES = 1 << 20


def resolve_file(name: str, folder: Path, progress: OnProgress = silent) -> Path:
    """The uncompressed file that `name` means; a file that has to be made for it is written into `folder`.

    `builtin:pydoc` is Python's own language reference (`builtin:pydoc.csv`, `.tsv`, `.jsonl` and `.parquet` are tables
    of it), `mirror:…` a file below the folder that the variable OSTINATO_DATA names; anything else is a path. Files
    ending in .gz and .xz are decompressed; `progress` counts compressed bytes. Raises DataError where there is no such
    file or it cannot be read or decompressed, and ResourceError where the disk is full.
    """
    kind, _, rest = name.partition(":")
    if kind == "builtin":
        return builtin(rest, folder)
    path = readable_file(_mirrored(rest) if kind == "mirror" else Path(name))
    openers: dict[str, Callable[[BinaryIO], DecompressedFile]] = {".gz": _gzip, ".xz": lzma.LZMAFile}
    if path.suffix in openers:
        return _decompressed(path, folder, openers[path.suffix], progress)
    return path


def resolve_folder(name: str, folder: Path) -> Path:
    """The folder that `name` means: a path, `mirror:…` or `builtin:pydoc/`. Raises DataError where it is no folder."""
    kind, _, rest = name.partition(":")
    if kind == "builtin":
        return builtin_folder(rest, folder)
    path = _mirrored(rest) if kind == "mirror" else Path(name)
    if not path.is_dir():
        raise DataError(f"{name}: there is no such folder; {'name its folder' if path.exists() else 'check its name'}")
    return path


def readable_file(path: Path) -> Path:
    """`path`, a file that can be read. Raises DataError saying what it is instead, or what name is similar."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise DataError(f"{path}: it is a folder, not a text file; name a file in it")
        if not stat.S_ISREG(mode):  # a pipe or a device has no size and cannot be read twice
            raise DataError(f"{path}: it is not a regular file; save its contents to a file first")
        with path.open("rb"):
            return path
    except (FileNotFoundError, NotADirectoryError):
        raise DataError(f"{path}: there is no such file; {_nearest_name(path)}") from None
    except PermissionError:
        raise DataError(f"{path}: it may not be read by this user; change its permissions") from None
    except (OSError, ValueError) as error:  # a name that is too long, or holds a zero byte
        raise DataError(f"{str(path)[:80]!r}: it cannot be opened ({error}); name another file") from None


def _nearest_name(path: Path) -> str:
    if not path.parent.is_dir():
        return f"the folder {path.parent} does not exist either"
    try:
        names = sorted(entry.name for entry in path.parent.iterdir() if entry.is_file())
    except OSError:
        names = []
    hint = nearest(path.name, names)
    return hint if hint.startswith("did you mean") else "check its name and folder"


def _mirrored(rest: str) -> Path:
    root = os.environ.get(MIRROR)
    if not root:
        raise DataError(f"mirror:{rest}: the variable {MIRROR} is not set; set it to the folder of data sets")
    if not Path(root).is_dir():
        raise DataError(
            f"mirror:{rest}: {MIRROR} names {root}, which is not a folder; set it to the folder of data sets"
        )
    return Path(root) / rest


def _gzip(file: BinaryIO) -> DecompressedFile:
    return gzip.GzipFile(fileobj=file)


def _decompressed(
    path: Path, folder: Path, opener: Callable[[BinaryIO], DecompressedFile], progress: OnProgress
) -> Path:
    plain, origin = folder / path.stem, file_origin(path)

    def decompress(file: BinaryIO) -> dict[str, int]:
        try:
            with path.open("rb") as packed, opener(packed) as unpacked:
                while chunk := unpacked.read(CHUNK_BYTES):
                    file.write(chunk)
                    progress(f"decompress {path.name}", packed.tell(), int(origin["size_bytes"]))
        except (gzip.BadGzipFile, lzma.LZMAError, zlib.error, EOFError) as error:
            raise DataError(f"{path}: it cannot be decompressed ({error}); fetch it again") from error
        return {}

    derived_file(plain, origin, decompress)
    return plain

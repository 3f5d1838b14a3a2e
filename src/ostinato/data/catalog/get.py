"""Where a data set's files are: below the mirror, or fetched from where they are published, once and whole."""

import contextlib
import fcntl
import hashlib
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final

from ostinato.data.catalog.base import Counts, DataSet, File, Folder
from ostinato.data.paths import MIRROR
from ostinato.errors import DataError
from ostinato.files import replacing
from ostinato.progress import OnProgress, silent

Say = Callable[[str], None]
CACHE: Final = "XDG_CACHE_HOME"
ATTEMPTS, SECONDS, CHUNK_BYTES = 3, 30, 1 << 18
OK, PART, PAST_THE_END = 200, 206, 416


def cache() -> Path:
    """Where fetched sets are kept."""
    return Path(os.environ.get(CACHE) or Path.home() / ".cache") / "ostinato" / "data"


def home(data_set: DataSet) -> Path | None:
    """The folder that has all of its files: in the mirror, else in the cache; None if neither has."""
    mirror = os.environ.get(MIRROR)
    for folder in ([Path(mirror) / data_set.name] if mirror else []) + [cache() / data_set.name]:
        if all((folder / file.path).is_file() for file in data_set.files):
            return folder
    return None


def aloud(sentence: str) -> None:
    """Print it on standard error."""
    print(sentence, file=sys.stderr)


def use(data_set: DataSet, say: Say = aloud, progress: OnProgress = silent) -> Folder:
    """The files of a data set, fetched where they are missing; `say` gets its licence at the first use on a machine.

    A file in the cache that has the wrong size is fetched again. Raises DataError for a file of the wrong size in a
    mirror, where a file is available from mirrors only, and as `get` does.
    """
    folder = home(data_set)
    if folder is None or (_fetched(data_set, folder) and any(_missized(folder, file) for file in data_set.files)):
        folder = get(data_set, progress)
    for file in data_set.files:
        if _missized(folder, file):
            size_bytes = (folder / file.path).stat().st_size
            raise DataError(
                f"{folder / file.path}: it has {size_bytes:,} bytes and must have {file.size_bytes:,}; "
                f"{_again(data_set, file, folder)}"
            )
    _mention(data_set, say)
    return Folder(folder)


def get(data_set: DataSet, progress: OnProgress = silent) -> Path:
    """Fetch the missing files into the cache and return their folder. A broken download is continued.

    Raises DataError where a file is in mirrors only, where the network fails or the folder cannot be written, and where
    the checksum of a file differs.
    """
    if data_set.mirror_only:
        only = next(file.path for file in data_set.files if file.url is None)
        raise DataError(
            f"data set {data_set.name}: {only} is published nowhere in this form (mirror only); set {MIRROR} to a "
            f"folder that has {data_set.name}/{only}"
        )
    folder = cache() / data_set.name
    with _alone(folder):
        for file in data_set.files:
            _fetch(file, folder, progress)
    return folder


def renew(data_set: DataSet, progress: OnProgress = silent) -> None:
    """Check every file, and fetch those that are missing from the cache or whose checksum differs.

    Raises DataError for a file in a mirror whose checksum differs, and as `get` does.
    """
    folder = home(data_set)
    if folder is not None:
        error = _differing(data_set, folder, progress)
        if error is None:
            return
        if not _fetched(data_set, folder):
            raise error
    get(data_set, progress)


def check(data_set: DataSet, folder: Folder, progress: OnProgress = silent) -> dict[str, tuple[Counts, Counts]]:
    """The counts of each split, and those it must have. Raises DataError for a file whose checksum differs."""
    error = _differing(data_set, folder.path, progress)
    if error is not None:
        raise error
    counted = {}
    for number, split in enumerate(data_set.splits):
        progress(f"count {data_set.name}", number, len(data_set.splits))
        counted[split] = (data_set.count(data_set.rows(folder, split)), data_set.counts[split])
    return counted


def _differing(data_set: DataSet, folder: Path, progress: OnProgress) -> DataError | None:
    """The error of the first file whose checksum differs."""
    for file in data_set.files:
        path = folder / file.path
        digest = _sha256(path, lambda done, file=file: progress(f"check {file.path}", done, file.size_bytes))  # type: ignore[misc]
        if digest != file.sha256:
            what = f"its sha256 is {digest[:12]}… and must be {file.sha256[:12]}…"
            return DataError(f"{path}: {what}; {_again(data_set, file, folder)}")
    return None


def _fetched(data_set: DataSet, folder: Path) -> bool:
    """Whether `get` writes the files of the set into this folder."""
    return folder == cache() / data_set.name and not data_set.mirror_only


def _missized(folder: Path, file: File) -> bool:
    return (folder / file.path).stat().st_size != file.size_bytes


def _again(data_set: DataSet, file: File, folder: Path) -> str:
    """What to do about a file whose checksum or size is wrong: the end of a sentence."""
    if _fetched(data_set, folder):
        return f"run ostinato data get {data_set.name}, which fetches it again"
    if file.url is not None:
        return f"fetch it again from {file.url}"
    return f"copy it again from a mirror, or set {MIRROR} to a folder that has {data_set.name}/{file.path}"


def _mention(data_set: DataSet, say: Say) -> None:
    mark = cache() / f"{data_set.name}.licence"
    if mark.exists():
        return
    say(f"{data_set.name}: {data_set.licence}; attribution: {data_set.attribution}; cite: {data_set.cite}")
    with (
        contextlib.suppress(DataError),
        replacing(mark) as file,
    ):  # else it is printed again
        file.write(data_set.licence.encode())


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """A lock: inside the block, no other process fetches into this folder."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("w")
    except OSError as error:
        raise DataError(
            f"{folder}: it cannot be written ({error.strerror}); set {CACHE} to a folder that you may write"
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise DataError(f"{folder}: another process is fetching it; wait until it is done") from None
        yield


def _fetch(file: File, folder: Path, progress: OnProgress) -> None:
    target = folder / file.path
    part = target.with_name(target.name + ".part")
    if target.is_file() and _sha256(target) == file.sha256:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    for attempt in range(ATTEMPTS):
        try:
            _receive(file, part, progress)
        except (OSError, HTTPException) as error:  # urllib's errors are OSErrors
            code = getattr(error, "code", None)
            if attempt + 1 == ATTEMPTS or code is not None:
                raise DataError(
                    f"{file.url}: it cannot be fetched ({error}); check the network and run again to fetch the rest"
                ) from error
            continue
        if _size(part) >= file.size_bytes:
            break
    size = _size(part)
    if size < file.size_bytes:
        raise DataError(f"{file.url}: only {size:,} of {file.size_bytes:,} bytes arrived; run again to fetch the rest")
    digest = _sha256(part)
    if digest != file.sha256:
        part.unlink()
        raise DataError(
            f"{file.url}: its sha256 is {digest[:12]}… and must be {file.sha256[:12]}…, so it has changed there; "
            f"set {MIRROR} to a folder that has it"
        )
    part.replace(target)


def _receive(file: File, part: Path, progress: OnProgress) -> None:
    """Add to `part` what is missing of it; from the start where the server cannot go on in the middle."""
    present = _size(part)
    if present >= file.size_bytes:
        present = 0
    request = urllib.request.Request(str(file.url), headers={"Range": f"bytes={present}-"} if present else {})
    try:
        response: Any = urllib.request.urlopen(request, timeout=SECONDS)
    except urllib.error.HTTPError as error:
        if error.code != PAST_THE_END:
            raise
        part.unlink(missing_ok=True)
        return
    with response, part.open("ab" if response.status == PART else "wb") as out:
        done = present if response.status == PART else 0
        while chunk := response.read(CHUNK_BYTES):
            out.write(chunk)
            done += len(chunk)
            progress(f"fetch {file.path}", done, file.size_bytes)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _sha256(path: Path, done: Callable[[int], None] = lambda size: None) -> str:
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
            done(size)
    return digest.hexdigest()

"""Folders as sources: a sub-folder for each class, or all files that match a pattern; a file is a row."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from ostinato.data.paths import resolve_folder
from ostinato.data.splits import DataSplits, register
from ostinato.data.table.in_memory import InMemoryRows
from ostinato.data.table.rows import Identities, Row, Rows
from ostinato.data.table.splitting import Split, read_splits
from ostinato.errors import DataError
from ostinato.progress import OnProgress, silent

WILD: Final = "*?["
AT_ONCE: Final = 1 << 20
"""Bytes of a file that are hashed at once."""


@register("folder", example={"path": "builtin:pydoc/", "files": "*.txt", "text": True})
def folder_of_classes(
    path: str,
    valid: Split = 0.1,
    test: Split = 0.0,
    files: str = "*",
    text: bool = False,
    seed: int = 1,
    *,
    folder: Path,
    progress: OnProgress = silent,
) -> DataSplits[Rows]:
    """A row for each file that matches `files` in a sub-folder of `path`: its `path`, and the sub-folder as `label`.

    With `text`, a row also has the file's UTF-8 as `text`. The pattern `**/*.wav` also looks into the sub-folders of a
    class. Hidden files are left out. `valid` and `test` are folders with the same classes, or shares of the rows; the
    split of a file depends on its name below `path`, not on its contents. Raises DataError for a class without a file,
    for a file beside the classes, and for a text that is not UTF-8.

    Options:
        path: the folder that holds one sub-folder for each class.
        valid: the validation split: a folder of the same classes, or the share of the files that becomes it.
        test: the test split: a folder of the same classes, or the share of the files that becomes it (0: no such
            split).
        files: the pattern of the files in a class's folder; `**/` looks into its sub-folders.
        text: whether each row has the file's text besides its path.
        seed: decides which rows are held out where a split is a share.
    """

    def read(name: str, folder: Path) -> Rows:
        root = resolve_folder(name, folder)
        classes = sorted(each for each in root.iterdir() if each.is_dir() and not _hidden(each, root))
        beside = [each for each in _matching(root, files) if each.parent == root]
        if not classes:
            raise DataError(f"{name}: it has no sub-folder, and each is a class; put the files of each class in one")
        if beside:
            raise DataError(f"{beside[0]}: it lies beside the classes; put it in the sub-folder of its own")
        members = {each: _matching(each, files) for each in classes}
        empty = [each for each in classes if not members[each]]
        if empty:
            raise DataError(f"{empty[0]}: this class has no file that matches {files!r}; delete the folder or fill it")
        return FileRows(root, [file for each in classes for file in members[each]], name, text, True, progress)

    return DataSplits(read_splits(read, path, valid, test, seed, folder), folder, progress)


@register("files", example={"path": "builtin:pydoc/*/*.txt"})
def files_of_pattern(
    path: str,
    valid: Split = 0.1,
    test: Split = 0.0,
    text: bool = False,
    seed: int = 1,
    *,
    folder: Path,
    progress: OnProgress = silent,
) -> DataSplits[Rows]:
    """A row for each file that matches a pattern such as `recordings/**/*.wav`: its `path`, and with `text` its `text`.

    Files come in the order of their names; hidden files are left out. `valid` and `test` are patterns, or shares of the
    rows; the split of a file depends on its name below the last folder without a wild card, not on its contents. Raises
    DataError where no file matches, and for a text that is not UTF-8.

    Options:
        path: the pattern of the files' paths, such as `recordings/**/*.wav`.
        valid: the validation split: a pattern, or the share of the files that becomes it.
        test: the test split: a pattern, or the share of the files that becomes it (0: no such split).
        text: whether each row has the file's text besides its path.
        seed: decides which rows are held out where a split is a share.
    """

    def read(name: str, folder: Path) -> Rows:
        fixed, pattern = _split_pattern(name)
        root = resolve_folder(fixed, folder)
        matches = _matching(root, pattern)
        if not matches:
            raise DataError(f"{name}: no file matches this pattern; correct it ({root} is there)")
        return FileRows(root, matches, name, text, False, progress)

    return DataSplits(read_splits(read, path, valid, test, seed, folder), folder, progress)


class FileRows(InMemoryRows):
    """Files as rows; a text is read when its row is asked for. Raises DataError for a text that is not UTF-8."""

    def __init__(self, root: Path, files: Sequence[Path], name: str, text: bool, classes: bool, progress: OnProgress):
        self._text, self._files = text, files
        self._fingerprints: Identities | None = None
        names = [file.relative_to(root) for file in files]
        rows = [{"name": each.as_posix()} | ({"label": each.parts[0]} if classes else {}) for each in names]
        super().__init__(rows, name=name, keys=[str(file) for file in files])
        for number in range(len(files) if text else 0):
            self.row(number)
            progress(f"read {name}", number + 1, len(files))

    def row(self, number: int) -> Row:
        """Its `path`, with classes its `label`, with `text` its `text`."""
        key, fields = super().row(number)
        columns = {"path": key} | ({"label": fields["label"]} if "label" in fields else {})
        return Row(key, columns | ({"text": _read(self._files[number])} if self._text else {}))

    def fingerprints(self) -> Identities:
        """[N] of each file's name and bytes; every file is read, once."""
        if self._fingerprints is None:
            names = self.identities().tolist()
            hashes = [_fingerprint(name, file) for name, file in zip(names, self._files)]
            self._fingerprints = np.array(hashes, np.uint64)
        return self._fingerprints


def _matching(root: Path, pattern: str) -> list[Path]:
    try:
        return sorted(each for each in root.glob(pattern) if each.is_file() and not _hidden(each, root))
    except (ValueError, NotImplementedError) as error:
        raise DataError(f"{pattern!r}: it is not a pattern of files ({error}); write one such as *.wav") from None


def _hidden(path: Path, root: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(root).parts)


def _split_pattern(pattern: str) -> tuple[str, str]:
    """The folder before the first wild card, and the rest."""
    parts = pattern.split("/")
    wild = next((number for number, part in enumerate(parts) if any(sign in part for sign in WILD)), len(parts) - 1)
    return "/".join(parts[:wild]) or ("/" if pattern.startswith("/") else "."), "/".join(parts[wild:]) or "*"


def _fingerprint(name: int, file: Path) -> int:
    digest = hashlib.blake2b(name.to_bytes(8, "little"), digest_size=8)
    try:
        with file.open("rb") as opened:
            while chunk := opened.read(AT_ONCE):
                digest.update(chunk)
    except OSError as error:
        raise DataError(f"{file}: it cannot be read ({error.strerror}); check that it is there") from None
    return int.from_bytes(digest.digest(), "little")


def _read(file: Path) -> str:
    try:
        return file.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise DataError(f"{file}: byte {error.start} is not UTF-8; convert the file to UTF-8") from None
    except OSError as error:
        raise DataError(f"{file}: it cannot be read ({error.strerror}); check that it is there") from None

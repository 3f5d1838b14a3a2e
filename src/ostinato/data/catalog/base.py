"""DataSet: a public data set by name. What its files are, whose they are, and how they become rows."""

import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, cast

from ostinato.errors import ConfigError, DataError
from ostinato.registry import nearest

Record: TypeAlias = dict[str, Any]
Counts: TypeAlias = dict[str, int]


class File(NamedTuple):
    """A file as it is stored below the set's folder. `url` gives the same bytes; None: the file was repacked, and only
    a mirror has it."""

    path: str
    size_bytes: int
    sha256: str
    url: str | None = None


@dataclass(frozen=True)
class Folder:
    """Where a set's files are."""

    path: Path

    def open(self, name: str) -> io.BufferedIOBase:
        """The bytes of a file, without its .gz or .xz."""
        path = self.path / name
        openers: dict[str, Callable[[Path], Any]] = {".gz": gzip.open, ".xz": lzma.open}
        return cast(io.BufferedIOBase, openers[path.suffix](path) if path.suffix in openers else path.open("rb"))

    def lines(self, name: str) -> Iterator[tuple[int, str]]:
        """Each line's number, from 1, and its text without its end. Raises DataError where a line is not UTF-8."""
        number = 0
        with self.open(name) as file:
            try:
                for number, raw in enumerate(io.BufferedReader(cast(Any, file)), 1):
                    yield number, raw.decode().rstrip("\n").rstrip("\r")
            except UnicodeDecodeError as error:
                raise self.wrong(name, number, f"byte {error.start} is not UTF-8") from None
            except (EOFError, gzip.BadGzipFile, lzma.LZMAError, zlib.error) as error:
                raise self.wrong(name, number, f"it cannot be decompressed ({error})") from None

    def wrong(self, name: str, line: int, what: str) -> DataError:
        """What to raise for a line that is not as it should be."""
        return DataError(f"{self.path / name}:{line}: {what}; fetch the file again")


@dataclass(frozen=True)
class DataSet:
    """`read(folder, split)` gives a split's rows, of the fields that `row` describes. `count(rows)` sums up what its
    source says of each split, and `counts` is what that must come to.

    Rows are what the files hold, in their order, with nothing dropped, tokenized or normalized: what a task makes of
    them is the task's affair. Where the files have no splits of their own, `split_rule` says how they are made. `task`
    says what the set is for, in words, and `recipes` names the recipes that train on it.
    """

    name: str
    title: str
    task: str
    licence: str
    attribution: str
    cite: str
    row: Mapping[str, str]
    files: tuple[File, ...]
    counts: Mapping[str, Counts]
    read: Callable[[Folder, str], Iterable[Record]] = field(repr=False)
    count: Callable[[Iterable[Record]], Counts] = field(repr=False)
    split_rule: str = "as shipped"
    recipes: tuple[str, ...] = ()

    @property
    def splits(self) -> list[str]:
        """Their names, training first."""
        return list(self.counts)

    @property
    def size_bytes(self) -> int:
        """Of all files as stored."""
        return sum(file.size_bytes for file in self.files)

    @property
    def mirror_only(self) -> bool:
        """Whether some file is published nowhere as it is stored."""
        return any(file.url is None for file in self.files)

    def rows(self, folder: Folder, split: str) -> Iterator[Record]:
        """A split's rows. Raises ConfigError where there is no such split."""
        if split not in self.counts:
            raise ConfigError(f"data set {self.name}: there is no split '{split}'; {nearest(split, self.splits)}")
        yield from self.read(folder, split)


class Catalog:
    """Every set by name."""

    def __init__(self) -> None:
        self._sets: dict[str, DataSet] = {}

    def add(self, data_set: DataSet) -> DataSet:
        """Register one. Raises ConfigError where the name is taken."""
        if data_set.name in self._sets:
            raise ConfigError(f"data set '{data_set.name}' is registered twice; give one of them another name")
        self._sets[data_set.name] = data_set
        return data_set

    def __iter__(self) -> Iterator[DataSet]:
        return iter(sorted(self._sets.values(), key=lambda each: each.name))

    def __getitem__(self, name: str) -> DataSet:
        if name not in self._sets:
            raise ConfigError(f"there is no data set '{name}'; {nearest(name, sorted(self._sets))}")
        return self._sets[name]


catalog = Catalog()

"""Reading for several sets of the catalog: archives, ARFF and CSV tables, a split by hash, and counting."""

import csv
import gzip
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from itertools import zip_longest
from typing import IO, TypeAlias, TypeVar

from ostinato.data.catalog.base import Counts, Folder, Record

Parsed = TypeVar("Parsed")
Measure: TypeAlias = Callable[[Record], int]

DAMAGED = (gzip.BadGzipFile, zlib.error, lzma.LZMAError, EOFError)
"""What reading a damaged compressed file raises."""

BROKEN_ARCHIVE = (*DAMAGED, tarfile.TarError, zipfile.BadZipFile, KeyError)
"""What reading a damaged archive raises, or one in which the member is missing."""


def hashed_split(text: str, parts: int) -> str:
    """The split of a text by the first 32 bits of its SHA-256, the same on any machine: of `parts` equal parts, part 0
    is the test set and part 1 the development set."""
    return {0: "test", 1: "dev"}.get(int(sha256(text.encode()).hexdigest()[:8], 16) % parts, "train")


def whole(folder: Folder, name: str) -> bytes:
    """All bytes of a file, decompressed. Raises DataError where it is damaged."""
    try:
        with folder.open(name) as file:
            return file.read()
    except DAMAGED as error:
        raise folder.wrong(name, 1, f"it cannot be decompressed ({error})") from None


def aligned(files: Sequence[Iterator[tuple[int, Parsed]]], missing: Parsed) -> Iterator[tuple[int, list[Parsed]]]:
    """The lines of equal number in parallel files; `missing` for a file that has already ended."""
    for number, lines in enumerate(zip_longest(*files, fillvalue=(0, missing)), 1):
        yield number, [line for _, line in lines]


def parsed(folder: Folder, name: str, line: int, kind: Callable[[str], Parsed], text: str) -> Parsed:
    """`kind(text)`, for a type such as int. Raises DataError where the text is not a value of the type."""
    try:
        return kind(text)
    except ValueError:
        raise folder.wrong(name, line, f"{text[:40]!r} is not a value of type {kind.__name__}") from None


def member_lines(folder: Folder, archive: str, member: str) -> Iterator[tuple[int, str]]:
    """As Folder.lines does, for a file in a .zip or .tar archive."""
    name, number = f"{archive}/{member}", 0
    try:
        with _opened(folder, archive, member) as file:
            for number, raw in enumerate(file, 1):
                yield number, raw.decode().rstrip("\n").rstrip("\r")
    except UnicodeDecodeError as error:
        raise folder.wrong(name, number, f"byte {error.start} is not UTF-8") from None
    except BROKEN_ARCHIVE as error:
        raise folder.wrong(name, number, f"it cannot be unpacked ({error})") from None


@contextmanager
def _opened(folder: Folder, archive: str, member: str) -> Iterator[IO[bytes]]:
    path = folder.path / archive
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as zipped, zipped.open(member) as file:
            yield file
        return
    with tarfile.open(path) as packed:
        extracted = packed.extractfile(member)
        if extracted is None:
            raise KeyError(f"{member} is not a file")
        yield extracted


def table(folder: Folder, name: str, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a CSV table below its header, by column. Raises DataError where there are other columns."""
    for number, fields in cells(folder, name):
        if number == 1:
            if fields != list(columns):
                raise folder.wrong(name, number, f"the columns are not {','.join(columns)}")
            continue
        if len(fields) != len(columns):
            raise folder.wrong(name, number, f"there are {len(fields)} fields instead of {len(columns)}")
        yield number, dict(zip(columns, fields))


def cells(folder: Folder, name: str) -> Iterator[tuple[int, list[str]]]:
    """Each line of a CSV file, as its fields; none of these files has a field of several lines."""
    for number, line in folder.lines(name):
        try:
            yield number, next(csv.reader([line]), [])
        except csv.Error as error:
            raise folder.wrong(name, number, f"it is not CSV ({error})") from None


def arff(folder: Folder, name: str, width: int) -> Iterator[tuple[int, list[str]]]:
    """The rows below the @data line of an ARFF file, of `width` fields each, without the spaces around them."""
    number, in_data = 1, False
    for number, line in folder.lines(name):
        text = line.strip()
        if not in_data:
            in_data = text.lower() == "@data"
        elif text and not text.startswith("%"):
            fields = [field.strip() for field in text.split(",")]
            if len(fields) != width:
                raise folder.wrong(name, number, f"there are {len(fields)} fields instead of {width}")
            yield number, fields
    if not in_data:
        raise folder.wrong(name, number, "the file ends without a @data line")


def one(row: Record) -> int:
    """1: the measure that counts rows."""
    return 1


def size(field: str) -> Measure:
    """The measure that gives how many elements a field has."""
    return lambda row: len(row[field])


def counting(
    sums: Mapping[str, Measure],
    distinct: Mapping[str, Callable[[Record], Iterable[Hashable]]] | None = None,
    ranges: Mapping[str, Measure] | None = None,
) -> Callable[[Iterable[Record]], Counts]:
    """What DataSet.count is to be: measures to add up, what to count without repetition, and measures of which to give
    the least and the greatest, as "shortest x" and "longest x"."""

    def count(rows: Iterable[Record]) -> Counts:
        counts = dict.fromkeys(sums, 0)
        seen: dict[str, set[Hashable]] = {name: set() for name in distinct or {}}
        extremes: dict[str, tuple[int, int]] = {}
        for row in rows:
            for name, measure in sums.items():
                counts[name] += measure(row)
            for name, values in (distinct or {}).items():
                seen[name].update(values(row))
            for name, measure in (ranges or {}).items():
                value = measure(row)
                least, greatest = extremes.get(name, (value, value))
                extremes[name] = min(least, value), max(greatest, value)
        counts |= {name: len(values) for name, values in seen.items()}
        for name, (least, greatest) in extremes.items():
            counts |= {f"shortest {name}": least, f"longest {name}": greatest}
        return counts

    return count

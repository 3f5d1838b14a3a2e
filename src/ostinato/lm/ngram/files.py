"""Files of n-gram models: ARPA text, plain or compressed, and the frozen file that is mapped into memory."""

import contextlib
import gzip
import lzma
import tempfile
import zlib
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias, cast

import ostinato._core as _core
from ostinato.data.paths import readable_file
from ostinato.errors import BundleError, ConfigError, DataError, ResourceError
from ostinato.files import replacing
from ostinato.progress import OnProgress, silent

Named: TypeAlias = str | PathLike[str]
Quantize: TypeAlias = int | None
Grams: TypeAlias = Any
"""The n-grams of a model in order, an object of `ostinato._core` to freeze, prune or write; see `Estimate.grams`."""

MAGIC = b"ostinato n-gram\n"
SORTING_BYTES = 256 << 20
PACKED = (gzip.BadGzipFile, lzma.LZMAError, zlib.error, EOFError)


def freeze(
    grams: Grams,
    path: Named,
    *,
    quantize: Quantize = None,
    memory: int = SORTING_BYTES,
    progress: OnProgress = silent,
) -> None:
    """Write the file that `NGram.load` maps; it is there whole or not at all.

    `quantize=8` stores at most 256 different probabilities and back-off weights an order, the nearest to the exact ones
    (unigrams stay exact): less than half the size, and probabilities that sum to one only approximately. `memory` is
    the bytes for sorting; about 20 bytes more are needed for each n-gram below the highest order.

    Raises ConfigError for another `quantize`, DataError for n-grams or a folder that cannot be written, ResourceError
    where memory or disk are full.
    """
    if quantize not in (None, 8):
        raise ConfigError(f"quantize: {quantize} bits are not offered; give 8, or None for exact numbers")
    with (
        replacing(Path(path)) as file,
        _write_errors(path, "n-grams in suffix order, closed, with probabilities up to 1"),
    ):
        folder = str(Path(file.name).parent)
        _core.ngram_freeze(grams, file.name, quantize or 32, memory, folder, progress)


def read_arpa(path: Named, *, progress: OnProgress = silent) -> Grams:
    """The n-grams of an ARPA file, which may be compressed (gzip or xz).

    A missing `<unk>`, `<s>` or `</s>` is added with log10 p = −99, a missing back-off is 0, and `<UNK>` is `<unk>`. An
    missing n-gram that begins or ends a longer one is added with the probability that backing off gives it. The whole
    model is held in memory. Raises DataError, with the line, for anything else that is not an ARPA file.
    """
    name = readable_file(Path(path))
    size = name.stat().st_size
    with name.open("rb") as packed, unpacked(packed) as file:

        def read(count: int) -> bytes:
            progress(f"read {name.name}", packed.tell(), size)
            return cast(bytes, file.read(count))

        try:
            return _core.ngram_read_arpa(read, None)
        except ValueError as error:
            raise DataError(f"{name}: {error}; have the model written again") from error
        except PACKED as error:
            raise DataError(f"{name}: it cannot be decompressed ({error}); fetch it again") from error


def write_arpa(grams: Grams, path: Named, *, progress: OnProgress = silent) -> None:
    """Write an ARPA file, compressed where the name ends in .gz or .xz. Reading it gives the same floats.

    Raises DataError for a word with white space, which the format cannot write, or a folder that cannot be written;
    ResourceError where the disk is full.
    """
    target = Path(path)
    with replacing(target) as file, contextlib.ExitStack() as stack:
        out: Any = file
        if target.suffix == ".gz":
            out = stack.enter_context(gzip.GzipFile(fileobj=file, mode="wb", mtime=0, filename=""))
        elif target.suffix == ".xz":
            out = stack.enter_context(lzma.LZMAFile(file, "wb", preset=1))
        with _write_errors(path, "a model whose words have no white space in them"):
            _core.ngram_write_arpa(grams, out.write, progress)


def mapped(path: Path) -> Any:
    """The frozen model in a file. Raises BundleError where it is damaged."""
    try:
        return _core.NGramModel.open(str(path))
    except ValueError as error:
        raise BundleError(f"{path}: {error}; build it again, or fetch it again") from error


def unnamed(grams: Grams) -> Any:
    """A frozen model of the n-grams in a file that the system removes with the model."""
    with tempfile.TemporaryDirectory(prefix="ostinato-") as folder:
        freeze(grams, Path(folder) / "model")
        return mapped(Path(folder) / "model")


def is_frozen(path: Path) -> bool:
    """Whether the file starts like a frozen model. Raises DataError where it cannot be read."""
    with readable_file(path).open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def unpacked(file: BinaryIO) -> Any:
    """A context manager of the file, decompressed if it starts like gzip or xz."""
    start = file.read(6)
    file.seek(0)
    if start[:2] == b"\x1f\x8b":
        return gzip.GzipFile(fileobj=file)
    if start == b"\xfd7zXZ\0":
        return lzma.LZMAFile(file)
    return contextlib.nullcontext(file)


@contextlib.contextmanager
def _write_errors(path: Named, needed: str) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise DataError(f"{path}: {error}; give {needed}") from error
    except MemoryError as error:
        raise ResourceError(f"{path}: the memory is full; give a model of fewer n-grams") from error

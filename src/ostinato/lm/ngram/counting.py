"""Counting: a text or sentences as a compiled corpus, and its n-grams, counted as often as a smoothing asks."""

import contextlib
import gzip
import lzma
import os
import zlib
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

import numpy as np
import numpy.typing as npt

import ostinato._core as _core
from ostinato.data.paths import readable_file
from ostinato.data.table.line_file import BOM
from ostinato.errors import ConfigError, DataError
from ostinato.progress import OnProgress

Sentence: TypeAlias = Sequence[str] | npt.NDArray[np.integer[Any]]
Source: TypeAlias = str | os.PathLike[str] | Iterable[str | os.PathLike[str]] | Iterable[Sentence]
Reserved: TypeAlias = Literal["refuse", "skip", "unknown"]

RESERVED: tuple[Reserved, ...] = ("refuse", "skip", "unknown")
CHUNK_BYTES = 1 << 20
SORTED_TOKENS = 1 << 24
HELD_OUT = 10
"""Every tenth sentence is held out for the weights of Jelinek and Mercer."""

OPENERS: dict[str, Any] = {".gz": lambda file: gzip.GzipFile(fileobj=file), ".xz": lzma.LZMAFile}


class Counting:
    """The corpus of one build and its counts; a smoothing sees it as `Counted`.

    `order` is the highest order to count, and then the highest that there is; `words` is |V|. `memory` is in bytes, and
    what does not fit is sorted in files of `folder`.
    """

    corpus: Any
    counts: Any
    order: int
    words: int

    def __init__(self, order: int, memory: int, folder: str, progress: OnProgress):
        self.order, self._highest = order, order
        self._memory, self._folder, self._progress = memory, folder, progress

    def report(self, work: str, done: int, total: int) -> None:
        """Pass on the progress of the compiled code."""
        self._progress(work, done, total)

    def count_corpus(self, corpus: Any) -> Any:
        """The counts of the whole corpus, which the smoothing then sees."""
        self.corpus, self.words = corpus, corpus.words - 1
        self.counts = self.count(0, False)
        self.order = self.counts.order
        return self.counts

    def of_counts(self, adjusted: bool) -> list[list[int]]:
        """[order 7]: the number of n-grams of each order with the count 0, 1, … 6."""
        return cast("list[list[int]]", self.counts.of_counts(adjusted))

    def count(self, every: int, others: bool, corpus: Any = None) -> Any:
        """The counts of a corpus; of its sentences number 0, `every`, 2 · `every`, … alone, or of the others."""
        return _core.ngram_count(
            corpus or self.corpus, self._highest, self._memory, SORTED_TOKENS, False, self._folder, every, others,
            self.report,
        )  # fmt: skip

    def fitted_weights(self, held_out: str | None, buckets: int) -> tuple[list[list[float]], list[str]]:
        """[order buckets]: Jelinek and Mercer's weights, and notes. Raises DataError for an empty held-out text."""
        if held_out is not None:
            corpus, name = self.read(held_out, self.corpus.vocabulary, "unknown")
            if corpus.sentences == 0:
                raise DataError(f"{name}: there is no sentence in it to find weights with; name another text")
            counts, held_out_counts = self.counts, self.count(0, False, corpus)
        else:
            if self.corpus.sentences < 2 * HELD_OUT:
                note = (
                    f"jelinek_mercer: {self.corpus.sentences:,} sentences are too few to hold every {HELD_OUT}th out "
                    "for the weights; each is 0.5 instead"
                )
                return [[0.5]] * self.order, [note]
            counts, held_out_counts = self.count(HELD_OUT, True), self.count(HELD_OUT, False)
        weights = cast("list[list[float]]", counts.fit_weights(held_out_counts, buckets, self.report))
        return weights + [weights[-1]] * (self.order - len(weights)), []

    def read(self, source: Source, vocabulary: int | Sequence[str] | None, reserved: Reserved) -> tuple[Any, str]:
        """The corpus of `source` (paths, or sentences of words or of ids [words]), and its name in messages. Raises
        DataError for input that is wrong."""
        if isinstance(source, (str, os.PathLike)):
            source = [source]
        items = iter(source)
        first = next(items, None)
        paths = isinstance(first, (str, os.PathLike))
        every = chain([] if first is None else [first], items)
        files = [readable_file(Path(cast(str, path))) for path in every] if paths else []
        size = sum(path.stat().st_size * (6 if path.suffix in OPENERS else 1) for path in files)
        corpus = _core.NGramCorpus(self._folder, not paths or size > self._memory // 8, RESERVED.index(reserved))
        numbers = None
        if vocabulary is not None and not isinstance(vocabulary, int):
            numbers = np.array([_add_word(corpus, word, "vocabulary") for word in vocabulary], np.uint32)
            corpus.close_vocabulary()
        if paths:
            for path in files:
                self._read_file(corpus, path)
        else:
            _add_sentences(corpus, cast("Iterable[Sentence]", every), numbers)
        if isinstance(vocabulary, int):
            corpus.limit(vocabulary)
        corpus.finish()
        return corpus, ", ".join(map(str, files[:3])) + ", …" * (len(files) > 3) if files else "the sentences"

    def _read_file(self, corpus: Any, path: Path) -> None:
        size = path.stat().st_size
        try:
            with path.open("rb") as packed, OPENERS.get(path.suffix, contextlib.nullcontext)(packed) as file:
                mark = BOM
                while chunk := file.read(CHUNK_BYTES):
                    corpus.read(chunk.removeprefix(mark))
                    mark = b""
                    self._progress(f"read {path.name}", packed.tell(), size)
            corpus.end_of_file()
        except ValueError as error:
            raise DataError(f"{path}: {error}") from error
        except (gzip.BadGzipFile, lzma.LZMAError, zlib.error, EOFError) as error:
            raise DataError(f"{path}: it cannot be decompressed ({error}); fetch it again") from error


def _add_sentences(corpus: Any, sentences: Iterable[Sentence], numbers: npt.NDArray[np.uint32] | None) -> None:
    known: dict[str, int] = {}
    for place, sentence in enumerate(sentences):
        at = f"sentence {place}"
        if isinstance(sentence, np.ndarray):
            words = _numbered(sentence, numbers, at)
        else:
            for word in sentence:
                if word not in known:
                    known[word] = _add_word(corpus, word, at)
            words = np.array([known[word] for word in sentence], np.uint32)
        try:
            corpus.sentence(words)
        except ValueError as error:
            raise DataError(f"{at}: {error}") from error


def _numbered(
    sentence: npt.NDArray[np.integer[Any]], numbers: npt.NDArray[np.uint32] | None, at: str
) -> npt.NDArray[np.uint32]:
    if numbers is None:
        raise ConfigError(f"{at}: it is numbers, and there is no vocabulary to look them up in; give vocabulary")
    if sentence.ndim != 1 or sentence.dtype.kind not in "iu":
        raise DataError(f"{at}: it is {sentence.dtype} of shape {sentence.shape}; give a row of integers")
    if len(sentence) and not 0 <= sentence.min() <= sentence.max() < len(numbers):
        raise DataError(f"{at}: it has a number outside 0 … {len(numbers) - 1}; give places in the vocabulary")
    words: npt.NDArray[np.uint32] = numbers[sentence]
    return words


def _add_word(corpus: Any, word: str, at: str) -> int:
    try:
        return cast(int, corpus.add(word))
    except (ValueError, TypeError) as error:
        reason = str(error) if isinstance(error, ValueError) else "a word is text"
        raise DataError(f"{at}, word {word!r}: {reason}") from error

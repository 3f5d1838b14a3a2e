"""Build: text to the n-grams of a back-off model."""

import contextlib
import gzip
import json
import lzma
import os
import re
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

import numpy as np
import numpy.typing as npt

import ostinato._core as _core
from ostinato.data.paths import checked
from ostinato.data.table.line_file import BOM
from ostinato.errors import ConfigError, DataError, ResourceError
from ostinato.files import FULL_DISK_ERRNOS
from ostinato.lm.ngram.smoothing import Smoothing, smoothings
from ostinato.progress import OnProgress, silent

Sentence: TypeAlias = Sequence[str] | npt.NDArray[np.integer[Any]]
Source: TypeAlias = str | os.PathLike[str] | Iterable[str | os.PathLike[str]] | Iterable[Sentence]
Reserved: TypeAlias = Literal["refuse", "skip", "unknown"]

MOST_ORDER: int = _core.ngram_most_order
RESERVED: tuple[Reserved, ...] = ("refuse", "skip", "unknown")
LEAST_MEMORY = 1 << 20
CHUNK_BYTES = 1 << 20
SORTED_TOKENS = 1 << 24
HELD_OUT = 10
"""One sentence of so many tells Jelinek and Mercer's weights."""


@dataclass(frozen=True)
class Estimate:
    """A model's n-grams in order, and what was seen on the way to them.

    `notes` are sentences for people: whatever was done otherwise than asked. `tokens` are words and one </s> a
    sentence; `unknown_words` those of them that became <unk>; `skipped_words` were left out, being `<unk>`, `<s>` or
    `</s>`.
    """

    grams: Any
    sentences: int
    tokens: int
    unknown_words: int
    skipped_words: int
    blank_lines: int
    notes: tuple[str, ...]


def build(
    source: Source,
    order: int,
    *,
    smoothing: Mapping[str, Any] | Smoothing | str = "modified_kneser_ney",
    prune: int | Sequence[int] = 0,
    entropy: float = 0.0,
    vocabulary: int | Sequence[str] | None = None,
    reserved: Reserved = "refuse",
    tokenizer: str | None = None,
    memory: int | str | None = None,
    folder: str | os.PathLike[str] | None = None,
    progress: OnProgress = silent,
) -> Estimate:
    """Count the n-grams of `source` up to `order` words and smooth them.

    `source` is a text file (.gz and .xz are decompressed on the way) or several: a sentence a line, words between ASCII
    whitespace, lines without a word dropped and counted; or sentences, each a sequence of words, or an array of
    integers that are places in `vocabulary`. Sentences are put between <s> and </s>.

    `smoothing` is a table, a name or an object. `prune` leaves out n-grams seen that often or less, one threshold an
    order, none less than the one before, the last for all above it; the first is 0. `entropy` leaves out n-grams
    without which the perplexity rises by less than that share (Stolcke, 1998). `vocabulary` is how many of the most
    frequent words to keep, or all words there are; the others become <unk>. `reserved` says what becomes of `<unk>`,
    `<s>` and `</s>` in a text: refuse, skip, or unknown (`<unk>` is the unknown word, the others are refused).
    `tokenizer`, the sha256 of a tokenizer.json whose tokens the words are, is kept in the model.

    `memory` bounds what is held at once, in bytes or as "2G"; half of the machine's where it is None. What does not
    fit is sorted in blocks in temporary files in `folder`, which vanish however the process ends; the model is the
    same.

    An order larger than every sentence gives the highest there is, and a note. Raises ConfigError for options that do
    not go together, DataError for input that is wrong or has no sentence, ResourceError where disk or memory are full.
    """
    kind = _smoothing(smoothing)
    _check(kind, order, entropy, vocabulary, reserved)
    thresholds = _thresholds(order, prune)
    limit = memory_bytes(memory)
    work = _Work(order, limit, os.fspath(folder) if folder is not None else tempfile.gettempdir(), progress)
    with _resources():
        corpus, names = work.read(source, vocabulary, reserved)
        if corpus.sentences == 0:
            raise DataError(f"{names}: there is no sentence to count; give it a line with a word in it")
        counts = work.counted(corpus)
        notes = []
        if counts.order < order:
            notes.append(f"no sentence is long enough for order {order}; the model's order is {counts.order}")
        rules, said = kind.smoothed(work)
        table = kind.table() if tokenizer is None else json.dumps(json.loads(kind.table()) | {"tokenizer": tokenizer})
        grams = _core.ngram_estimate(
            counts, corpus, [rule.plain() for rule in rules], thresholds[: counts.order], kind.uniform_over_all,
            table, kind.distribution, work.told,
        )  # fmt: skip
        if entropy:
            grams = pruned(grams, entropy, memory=limit, folder=folder, progress=progress)
    return Estimate(
        grams, corpus.sentences, corpus.tokens - corpus.sentences, corpus.unknown_words, corpus.skipped_words,
        corpus.blank_lines, (*notes, *said),
    )  # fmt: skip


def pruned(
    grams: Any,
    entropy: float,
    *,
    memory: int | str | None = None,
    folder: str | os.PathLike[str] | None = None,
    progress: OnProgress = silent,
) -> Any:
    """The n-grams without which the perplexity rises by less than the share `entropy` left out (Stolcke, 1998).

    Raises ConfigError where the model is no distribution.
    """
    if not entropy >= 0:
        raise ConfigError(f"entropy: {entropy} is no threshold; give a number from 0 up, such as 1e-8")
    if not grams.distribution:
        raise ConfigError(
            f"entropy: {grams.smoothing} gives scores that are no distribution, and those have no entropy; "
            "prune by count instead"
        )
    limit = memory_bytes(memory)
    needed = 40 * sum(grams.count(n) for n in range(1, grams.order + 1))
    with _resources():
        return _core.ngram_prune(grams, entropy, limit, needed > limit, str(folder or tempfile.gettempdir()), progress)


def memory_bytes(given: int | str | None) -> int:
    """Bytes: a number of them, or text such as "2G", "512M" or "50%" of the machine's; None is half of it.

    Raises ConfigError for anything else, and for less than 1 MiB.
    """
    try:
        whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        whole = 4 << 30
    if given is None:
        return whole // 2
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt%]?)b?", str(given).strip().lower())
    if found is None:
        raise ConfigError(f'memory: {given!r} is not an amount of memory; write bytes, or "512M", "2G", "50%"')
    number, unit = float(found[1]), found[2]
    size = int(number * (whole / 100 if unit == "%" else 1 << {"": 0, "k": 10, "m": 20, "g": 30, "t": 40}[unit]))
    if size < LEAST_MEMORY:
        raise ConfigError(f"memory: {given} is too little to count in; give at least 1M")
    return size


class _Work:
    """One build: the corpus, what was counted of it, and how to count again. It is what a smoothing sees as Counted."""

    corpus: Any
    counts: Any
    order: int
    words: int

    def __init__(self, order: int, memory: int, folder: str, progress: OnProgress):
        self.order, self._asked = order, order
        self._memory, self._folder, self._progress = memory, folder, progress

    def told(self, what: str, done: int, total: int) -> None:
        self._progress(what, done, total)

    def counted(self, corpus: Any) -> Any:
        """The counts of all of the corpus, which a smoothing then sees."""
        self.corpus, self.words = corpus, corpus.words - 1
        self.counts = self.count(0, False)
        self.order = self.counts.order
        return self.counts

    def of_counts(self, adjusted: bool) -> list[list[int]]:
        return cast("list[list[int]]", self.counts.of_counts(adjusted))

    def count(self, every: int, others: bool, corpus: Any = None) -> Any:
        return _core.ngram_count(
            corpus or self.corpus, self._asked, self._memory, SORTED_TOKENS, False, self._folder, every, others,
            self.told,
        )  # fmt: skip

    def fitted_weights(self, held_out: str | None, buckets: int) -> tuple[list[list[float]], list[str]]:
        if held_out is not None:
            corpus, name = self.read(held_out, self.corpus.vocabulary, "unknown")
            if corpus.sentences == 0:
                raise DataError(f"{name}: there is no sentence in it to find weights with; name another text")
            seen, held = self.counts, self.count(0, False, corpus)
        else:
            if self.corpus.sentences < 2 * HELD_OUT:
                note = (
                    f"jelinek_mercer: {self.corpus.sentences:,} sentences are too few to hold every {HELD_OUT}th out "
                    "for the weights; each is 0.5 instead"
                )
                return [[0.5]] * self.order, [note]
            seen, held = self.count(HELD_OUT, True), self.count(HELD_OUT, False)
        found = cast("list[list[float]]", seen.fit_weights(held, buckets, self.told))
        return found + [found[-1]] * (self.order - len(found)), []

    def read(self, source: Source, vocabulary: int | Sequence[str] | None, reserved: Reserved) -> tuple[Any, str]:
        """The corpus, and its name in messages."""
        if isinstance(source, (str, os.PathLike)):
            source = [source]
        items = iter(source)
        first = next(items, None)
        paths = isinstance(first, (str, os.PathLike))
        every = chain([] if first is None else [first], items)
        files = [checked(Path(cast(str, path))) for path in every] if paths else []
        size = sum(path.stat().st_size * (6 if path.suffix in OPENERS else 1) for path in files)
        corpus = _core.NGramCorpus(self._folder, not paths or size > self._memory // 8, RESERVED.index(reserved))
        numbers = None
        if vocabulary is not None and not isinstance(vocabulary, int):
            numbers = np.array([_added(corpus, word, "vocabulary") for word in vocabulary], np.uint32)
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


OPENERS: dict[str, Any] = {".gz": lambda file: gzip.GzipFile(fileobj=file), ".xz": lzma.LZMAFile}


def _add_sentences(corpus: Any, sentences: Iterable[Sentence], numbers: npt.NDArray[np.uint32] | None) -> None:
    known: dict[str, int] = {}
    for place, sentence in enumerate(sentences):
        at = f"sentence {place}"
        if isinstance(sentence, np.ndarray):
            found = _numbered(sentence, numbers, at)
        else:
            for word in sentence:
                if word not in known:
                    known[word] = _added(corpus, word, at)
            found = np.array([known[word] for word in sentence], np.uint32)
        try:
            corpus.sentence(found)
        except ValueError as error:
            raise DataError(f"{at}: {error}") from error


def _numbered(
    sentence: npt.NDArray[np.integer[Any]], numbers: npt.NDArray[np.uint32] | None, at: str
) -> npt.NDArray[np.uint32]:
    if numbers is None:
        raise ConfigError(
            f"{at}: it is numbers, and nothing says which words they are; give vocabulary, the words in order"
        )
    if sentence.ndim != 1 or sentence.dtype.kind not in "iu":
        raise DataError(f"{at}: it is {sentence.dtype} of shape {sentence.shape}; a sentence is a row of integers")
    if len(sentence) and not 0 <= sentence.min() <= sentence.max() < len(numbers):
        raise DataError(f"{at}: it has a number that is no place among {len(numbers)} words; check the vocabulary")
    found: npt.NDArray[np.uint32] = numbers[sentence]
    return found


def _added(corpus: Any, word: str, at: str) -> int:
    try:
        return cast(int, corpus.add(word))
    except (ValueError, TypeError) as error:
        said = str(error) if isinstance(error, ValueError) else "a word is text"
        raise DataError(f"{at}, word {word!r}: {said}") from error


def _smoothing(given: Mapping[str, Any] | Smoothing | str) -> Smoothing:
    if isinstance(given, Smoothing):
        return given
    return smoothings.build({"name": given} if isinstance(given, str) else given)


def _thresholds(order: int, given: int | Sequence[int]) -> list[int]:
    found = [given] if isinstance(given, int) else list(given)
    if isinstance(given, int) and given:
        found = [0, given]
    if not found or any(not isinstance(each, int) or not 0 <= each < 2**32 for each in found) or found != sorted(found):
        raise ConfigError(
            f"prune: {given} are not thresholds; give counts from 0 up that do not decrease, one an order"
        )
    if found[0]:
        raise ConfigError(
            "prune: every word of the vocabulary is a unigram; start with 0, and limit the vocabulary instead"
        )
    if len(found) > order:
        raise ConfigError(f"prune: {len(found)} thresholds are given for order {order}; give one an order at most")
    return found + [found[-1]] * (order - len(found))


def _check(
    kind: Smoothing, order: int, entropy: float, vocabulary: int | Sequence[str] | None, reserved: Reserved
) -> None:
    if not isinstance(order, int) or not 1 <= order <= MOST_ORDER:
        raise ConfigError(f"order: {order} is not from 1 to {MOST_ORDER}; choose another")
    if not entropy >= 0:
        raise ConfigError(f"entropy: {entropy} is no threshold; give a number from 0 up, such as 1e-8")
    if entropy and not kind.distribution:
        raise ConfigError(f"entropy: {kind.name} gives scores that are no distribution; prune by count instead")
    if isinstance(vocabulary, str) or (isinstance(vocabulary, int) and vocabulary < 1):
        raise ConfigError(
            f"vocabulary: {vocabulary!r} is neither a number of words nor a list of them; give one of these"
        )
    if reserved not in RESERVED:
        raise ConfigError(f"reserved: {reserved!r} is none of {', '.join(RESERVED)}; choose one")


@contextlib.contextmanager
def _resources() -> Iterator[None]:
    try:
        yield
    except MemoryError as error:
        raise ResourceError(
            "n-grams: the memory is full; give a smaller amount as memory, and more is on disk"
        ) from error
    except OSError as error:
        if error.errno in FULL_DISK_ERRNOS:
            raise ResourceError(f"{error.strerror}; free some space there, or name another folder") from error
        raise DataError(
            f"n-grams: {error.strerror or error}; check the file, and the folder for temporary files"
        ) from error

"""Build: from text to the n-grams of a back-off model."""

import contextlib
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ostinato._core as _core
from ostinato.errors import ConfigError, DataError, ResourceError
from ostinato.files import FULL_DISK_ERRNOS
from ostinato.lm.ngram.counting import RESERVED, Counting, Reserved, Source
from ostinato.lm.ngram.smoothing import Smoothing, smoothings
from ostinato.progress import OnProgress, silent

MOST_ORDER: int = _core.ngram_most_order
LEAST_MEMORY = 1 << 20


@dataclass(frozen=True)
class Estimate:
    """A model's n-grams in order, and the numbers of its text.

    `notes` are sentences for people, about options that could not be met. `tokens` are words and one </s> a sentence;
    `unknown_words` those of them that became <unk>; `skipped_words` the words `<unk>`, `<s>` and `</s>` of the text
    that were left out.
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

    `source` is one text file or several (.gz and .xz are decompressed): a sentence a line, words between ASCII
    whitespace, lines without a word dropped and counted; or sentences, each a sequence of words, or an array [T] of
    integers that are places in `vocabulary`. Each sentence is put between <s> and </s>.

    `smoothing` is a table, a name or an object. `prune` drops n-grams with that count or less: one threshold an order,
    not decreasing, the last for all orders above it; the first is 0. `entropy` drops n-grams without which the
    perplexity rises by less than that share (Stolcke, 1998). `vocabulary` is the number of most frequent words to
    keep, or the list of all words; other words become <unk>. `reserved` decides about `<unk>`, `<s>` and `</s>` in a
    text: "refuse" them, "skip" them, or "unknown": `<unk>` is the unknown word, the others are refused. `tokenizer`,
    the sha256 of a tokenizer.json whose tokens the words are, is stored in the model.

    `memory` bounds the memory for counting, in bytes or as "2G"; None is half of the machine's. What does not fit is
    sorted in blocks in temporary files of `folder`, which the system removes however the process ends; the model is
    the same.

    An order longer than every sentence gives the highest possible one, and a note. Raises ConfigError for options that
    do not fit together, DataError for input that is wrong or has no sentence, ResourceError where disk or memory are
    full.
    """
    kind = _smoothing(smoothing)
    _check(kind, order, entropy, vocabulary, reserved)
    thresholds = _thresholds(order, prune)
    limit = memory_bytes(memory)
    counting = Counting(order, limit, os.fspath(folder) if folder is not None else tempfile.gettempdir(), progress)
    with _resources():
        corpus, names = counting.read(source, vocabulary, reserved)
        if corpus.sentences == 0:
            raise DataError(f"{names}: there is no sentence to count; give it a line with a word in it")
        counts = counting.count_corpus(corpus)
        notes = []
        if counts.order < order:
            notes.append(f"no sentence is long enough for order {order}; the model's order is {counts.order}")
        rules, smoothing_notes = kind.smoothed(counting)
        table = kind.table() if tokenizer is None else json.dumps(json.loads(kind.table()) | {"tokenizer": tokenizer})
        grams = _core.ngram_estimate(
            counts, corpus, [rule.plain() for rule in rules], thresholds[: counts.order], kind.uniform_over_all,
            table, kind.distribution, counting.report,
        )  # fmt: skip
        if entropy:
            grams = pruned(grams, entropy, memory=limit, folder=folder, progress=progress)
    return Estimate(
        grams, corpus.sentences, corpus.tokens - corpus.sentences, corpus.unknown_words, corpus.skipped_words,
        corpus.blank_lines, (*notes, *smoothing_notes),
    )  # fmt: skip


def pruned(
    grams: Any,
    entropy: float,
    *,
    memory: int | str | None = None,
    folder: str | os.PathLike[str] | None = None,
    progress: OnProgress = silent,
) -> Any:
    """N-grams without those whose removal raises the perplexity by less than the share `entropy` (Stolcke, 1998).

    `memory` and `folder` are as in `build`. Raises ConfigError for a negative share or a model that is not a
    distribution, ResourceError where disk or memory are full.
    """
    if not entropy >= 0:
        raise ConfigError(f"entropy: {entropy} is not a threshold; give a number of at least 0, such as 1e-8")
    if not grams.distribution:
        raise ConfigError(
            f"entropy: {grams.smoothing} gives scores that are not a distribution and have no entropy; "
            "prune by count instead"
        )
    limit = memory_bytes(memory)
    needed = 40 * sum(grams.count(n) for n in range(1, grams.order + 1))
    with _resources():
        return _core.ngram_prune(grams, entropy, limit, needed > limit, str(folder or tempfile.gettempdir()), progress)


def memory_bytes(given: int | str | None) -> int:
    """Bytes, from a number or text such as "2G", "512M" or "50%" of the machine's memory; None is half of it.

    Raises ConfigError for anything else, and for less than 1 MiB.
    """
    try:
        whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        whole = 4 << 30
    if given is None:
        return whole // 2
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt%]?)b?", str(given).strip().lower())
    if match is None:
        raise ConfigError(f'memory: {given!r} is not an amount of memory; write bytes, or "512M", "2G", "50%"')
    number, unit = float(match[1]), match[2]
    size = int(number * (whole / 100 if unit == "%" else 1 << {"": 0, "k": 10, "m": 20, "g": 30, "t": 40}[unit]))
    if size < LEAST_MEMORY:
        raise ConfigError(f"memory: {given} is too little to count in; give at least 1M")
    return size


def _smoothing(given: Mapping[str, Any] | Smoothing | str) -> Smoothing:
    if isinstance(given, Smoothing):
        return given
    return smoothings.build({"name": given} if isinstance(given, str) else given)


def _thresholds(order: int, prune: int | Sequence[int]) -> list[int]:
    counts = [prune] if isinstance(prune, int) else list(prune)
    if isinstance(prune, int) and prune:
        counts = [0, prune]
    if not counts or counts != sorted(counts) or any(not isinstance(n, int) or not 0 <= n < 2**32 for n in counts):
        raise ConfigError(
            f"prune: {prune} are not thresholds; give counts of at least 0 that do not decrease, one an order"
        )
    if counts[0]:
        raise ConfigError(
            "prune: every word of the vocabulary is a unigram; start with 0, and limit the vocabulary instead"
        )
    if len(counts) > order:
        raise ConfigError(f"prune: {len(counts)} thresholds are given for order {order}; give one an order at most")
    return counts + [counts[-1]] * (order - len(counts))


def _check(
    kind: Smoothing, order: int, entropy: float, vocabulary: int | Sequence[str] | None, reserved: Reserved
) -> None:
    if not isinstance(order, int) or not 1 <= order <= MOST_ORDER:
        raise ConfigError(f"order: {order} is not from 1 to {MOST_ORDER}; choose another")
    if not entropy >= 0:
        raise ConfigError(f"entropy: {entropy} is not a threshold; give a number of at least 0, such as 1e-8")
    if entropy and not kind.distribution:
        raise ConfigError(f"entropy: {kind.name} gives scores that are not a distribution; prune by count instead")
    if isinstance(vocabulary, str) or (isinstance(vocabulary, int) and vocabulary < 1):
        raise ConfigError(
            f"vocabulary: {vocabulary!r} is neither a number of words nor a list of words; give one of these"
        )
    if reserved not in RESERVED:
        raise ConfigError(f"reserved: there is no way {reserved!r}; choose from {', '.join(RESERVED)}")


@contextlib.contextmanager
def _resources() -> Iterator[None]:
    try:
        yield
    except MemoryError as error:
        raise ResourceError(
            "n-grams: the memory is full; give a smaller amount as memory, so that more is on disk"
        ) from error
    except OSError as error:
        if error.errno in FULL_DISK_ERRNOS:
            raise ResourceError(f"{error.strerror}; free some space there, or name another folder") from error
        raise DataError(
            f"n-grams: {error.strerror or error}; check the file, and the folder for temporary files"
        ) from error

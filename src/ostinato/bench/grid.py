"""The rows of the benchmark: layers, shapes, passes, and the target of each."""

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ostinato.errors import ConfigError

CELLS = ("gru", "rnn", "lstm")
HIDDEN = (64, 128, 256)
RATIOS = {  # torch.nn's time over ours, for each of HIDDEN
    ("gru", "infer", 1): (8.0, 5.0, 3.0),
    ("rnn", "infer", 1): (5.0, 4.0, 2.0),
    ("lstm", "infer", 1): (2.5, 2.0, 1.4),
    ("gru", "train", 1): (12.0, 6.0, 3.0),
    ("rnn", "train", 1): (8.0, 5.0, 2.5),
    ("lstm", "train", 1): (2.5, 2.0, 1.4),
    ("gru", "train", 32): (3.0, 2.2, 1.6),
    ("rnn", "train", 32): (2.5, 2.0, 1.4),
    ("lstm", "train", 32): (1.5, 1.3, 1.15),
}
STEPS = {1: 256, 32: 128}  # of RATIOS, by batch
MICROSECONDS = {64: 5.0, 128: 10.0, 256: 30.0}  # of one LSTM step of one stream
BEYOND = (  # what, batch, steps, hidden: mostly arithmetic, with less to gain, or mostly the call itself
    ("infer", 1, 1, 128),
    ("infer", 1, 8, 128),
    ("infer", 32, 1, 128),
    ("train", 32, 8, 128),
    ("infer", 2, 256, 128),
    ("infer", 4, 256, 128),
    ("infer", 32, 128, 256),
    ("infer", 1, 256, 512),
    ("infer", 1, 256, 1024),
    ("train", 64, 64, 512),
    ("train", 64, 32, 1024),
)
DOUBLE = (("infer", 1, 256, 128), ("train", 32, 128, 128))
MODELS = (("infer", 1, 64, 128), ("infer", 32, 64, 128), ("train", 32, 64, 128))

TRAINING = (("language-1", 64, 256), ("language-1", 128, 512), ("language-2", 64, 256))  # a name, steps, hidden
TRAINING_BATCH, TRAINING_RATIO = 32, 1.05


@dataclass(frozen=True)
class BenchCase:
    """A row before it is measured; it has as many inputs as hidden units.

    `section` is target, step, model, training or beyond; `what` is infer, train or step; `target_ratio` is torch's time
    over ours, `target_microseconds` ours for one step.
    """

    section: str
    layer: str
    what: str
    batch: int
    steps: int
    hidden: int
    threads: int
    dtype: str = "float32"
    target_ratio: float | None = None
    target_microseconds: float | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """The words of the row's name, by which `chosen` selects rows."""
        shape = (f"B={self.batch}", f"T={self.steps}", f"H={self.hidden}")
        return (self.layer, self.what, *shape, self.dtype, f"threads={self.threads}")

    def __str__(self) -> str:
        return " ".join(self.words)


def cases(threads: Sequence[int], quick: bool = False) -> list[BenchCase]:
    """All rows for each number of threads; with `quick`, one shape of each kind. Single steps use one thread."""
    rows = [case for count in threads for case in (*_targets(count), *_models(count), *_training(count))]
    if 1 in threads:
        rows += _steps()
    if quick:
        return [case for case in rows if case.hidden == 64 or (case.section == "model" and case.batch == 1)]
    return rows + [case for count in threads for case in _beyond(count)]


def chosen(all_cases: Sequence[BenchCase], only: str) -> list[BenchCase]:
    """The rows that have every word of `only`, such as "gru train H=64".

    Raises ConfigError where no row has a word, or no row has all of them.
    """
    known = {word.lower(): word for case in all_cases for word in (case.section, *case.words)}
    words = only.lower().split()
    for word in words:
        if word not in known:
            near = difflib.get_close_matches(word, known, 1)
            hint = f"did you mean '{known[near[0]]}'?" if near else f"take from {', '.join(sorted(known.values()))}"
            raise ConfigError(f"--only: no row has the word '{word}'; {hint}")
    rows = [case for case in all_cases if set(words) <= {word.lower() for word in (case.section, *case.words)}]
    if not rows:
        raise ConfigError(f"--only: each word of '{only}' has rows, but no row has all of them; take fewer words")
    return rows


def _targets(threads: int) -> Iterator[BenchCase]:
    for (cell, what, batch), ratios in RATIOS.items():
        for hidden, ratio in zip(HIDDEN, ratios, strict=True):
            yield BenchCase("target", cell, what, batch, STEPS[batch], hidden, threads, target_ratio=ratio)


def _models(threads: int) -> Iterator[BenchCase]:
    for model in ("tagger", "classifier"):
        for shape in MODELS:
            yield BenchCase("model", model, *shape, threads)


def _training(threads: int) -> Iterator[BenchCase]:
    for model, steps, hidden in TRAINING:
        yield BenchCase("training", model, "train", TRAINING_BATCH, steps, hidden, threads, target_ratio=TRAINING_RATIO)


def _steps() -> Iterator[BenchCase]:
    for cell in CELLS:
        for hidden in (*HIDDEN, 512):
            target = MICROSECONDS.get(hidden) if cell == "lstm" else None
            yield BenchCase("step", cell, "step", 1, 1, hidden, 1, target_microseconds=target)


def _beyond(threads: int) -> Iterator[BenchCase]:
    for cell in CELLS:
        for shape in BEYOND:
            yield BenchCase("beyond", cell, *shape, threads)
        for shape in DOUBLE:
            yield BenchCase("beyond", cell, *shape, threads, dtype="float64")

"""Progress: what a person sees while a model is trained, on stderr."""

import math
import sys
import time
from dataclasses import dataclass
from typing import Protocol, TextIO

from rich.console import Console
from rich.progress import BarColumn, TaskID, TaskProgressColumn, TextColumn
from rich.progress import Progress as RichProgress

LINE_SECONDS = 5.0
NARROW = 120
"""Columns below which a terminal has no room for units and speed."""


@dataclass(frozen=True)
class TrainingView:
    """Where training stands. `total` is None as long as it is not known; `unit` is what a token is."""

    step: int
    total: int | None
    epoch: int
    nats_per_token: float
    in_bits_per_character: bool
    unit: str
    tokens_a_second: float
    seconds_left: float | None
    score: str

    def words(self, short: bool = False) -> str:
        """Loss, last score, speed and time left; `short` leaves out units and speed, for a narrow terminal."""
        value = self.nats_per_token / math.log(2) if self.in_bits_per_character else self.nats_per_token
        unit = "bits/character" if self.in_bits_per_character else f"nats/{self.unit}"
        score = self.score.split(" ")[0] if short else self.score
        parts = [f"loss {value:.3f}" if short else f"loss {value:.3f} {unit}", f"valid {score}" if score else ""]
        if not short:
            parts.append(f"{self.tokens_a_second:,.0f} {self.unit}s/s")
        if self.seconds_left is not None:
            minutes, seconds = divmod(round(self.seconds_left), 60)
            parts.append(f"{minutes}:{seconds:02d} left")
        return " · ".join(part for part in parts if part)


class Progress(Protocol):
    """Told what happens, as often as it happens; it decides what to show."""

    def say(self, message: str) -> None:
        """A line that stays."""

    def stage(self, what: str, done: int, total: int) -> None:
        """Some long work other than training, and how much of it is done."""

    def training(self, view: TrainingView) -> None:
        """A step was done."""

    def close(self) -> None:
        """Nothing more will come."""


class Silent:
    """Shows nothing, remembers what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, message: str) -> None:
        """Remembered in `said`."""
        self.said.append(message)

    def stage(self, what: str, done: int, total: int) -> None:
        """Nothing."""

    def training(self, view: TrainingView) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class ProgressLines:
    """A plain line every few seconds, for logs and pipes."""

    def __init__(self, stream: TextIO, every_seconds: float = LINE_SECONDS):
        self._stream, self._every = stream, every_seconds
        self._next = 0.0

    def say(self, message: str) -> None:
        """At once."""
        print(message, file=self._stream, flush=True)

    def stage(self, what: str, done: int, total: int) -> None:
        """Now and then."""
        self._now_and_then(f"{what}: {done / max(total, 1):.0%}")

    def training(self, view: TrainingView) -> None:
        """Now and then."""
        of = f"/{view.total}" if view.total is not None else ""
        self._now_and_then(f"step {view.step}{of} · epoch {view.epoch + 1} · {view.words()}")

    def close(self) -> None:
        """Nothing is open."""

    def _now_and_then(self, message: str) -> None:
        if self._is_time():
            self.say(message)

    def _is_time(self) -> bool:
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + self._every
        return True


class ProgressInNotebook(ProgressLines):
    """One line that is written over, for the output of a notebook's cell."""

    def __init__(self, stream: TextIO):
        super().__init__(stream, every_seconds=0.5)
        self._width = 0

    def say(self, message: str) -> None:
        """A line that stays."""
        self._write(message, "\n")
        self._width = 0

    def close(self) -> None:
        """Take the line away."""
        self._write("", "\r")

    def _now_and_then(self, message: str) -> None:
        if self._is_time():
            self._write(message, "")

    def _write(self, message: str, end: str) -> None:
        blank = " " * (self._width - len(message))
        self._width = len(message)
        print(f"\r{message}{blank}", end=end, file=self._stream, flush=True)


class ProgressBar:
    """A bar that redraws itself, for terminals."""

    def __init__(self, stream: TextIO):
        texts = TextColumn("{task.description}"), TextColumn("{task.fields[words]}")
        columns = texts[0], BarColumn(), TaskProgressColumn(), texts[1]
        self._bar = RichProgress(*columns, console=Console(file=stream), transient=True)
        self._task: TaskID | None = None
        self._what, self._next = "", 0.0

    def say(self, message: str) -> None:
        """Above the bar."""
        self._bar.console.print(message, markup=False, highlight=False, soft_wrap=True)

    def stage(self, what: str, done: int, total: int) -> None:
        """A bar of its own while it lasts."""
        self._show(what, done, total, "")

    def training(self, view: TrainingView) -> None:
        """The bar."""
        self._show("train", view.step, view.total, view.words(short=self._bar.console.width < NARROW))

    def close(self) -> None:
        """Take the bar away."""
        self._bar.stop()

    def _show(self, what: str, done: int, total: int | None, words: str) -> None:
        now = time.monotonic()
        if what == self._what and now < self._next and done != total:
            return
        self._next = now + 0.1
        self._bar.start()
        if what != self._what:
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._what, self._task = what, self._bar.add_task(what, total=total, words=words)
        if self._task is not None:
            self._bar.update(self._task, completed=done, total=total, words=words)


def standard(stream: TextIO | None = None) -> Progress:
    """A bar where `stream` (stderr) is a terminal, plain lines where it is not; in a notebook one line of the cell's
    output."""
    if stream is None and type(sys.stdout).__module__.startswith("ipykernel."):
        return ProgressInNotebook(sys.stdout)
    stream = stream or sys.stderr
    return ProgressBar(stream) if stream.isatty() else ProgressLines(stream)

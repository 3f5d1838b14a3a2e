"""Log: what training did, as it did it: metrics.jsonl always, CSV and TensorBoard where asked for.

metrics.jsonl has one JSON object a line, of a `kind`: `train` (the steps since the row before), `scores` (an
evaluation), `full_scores` (by every metric, where that is not each time), `note` (the number of steps was fixed;
training went back), `final` (the best model, by every metric) and `baselines`. The other places are made from it, so
that a run that was killed and continued leaves the same curve everywhere, without a row twice or missing.
"""

import contextlib
import csv
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from ostinato.errors import BundleError, ConfigError

FILE = "metrics.jsonl"
COLUMNS = (
    "step", "epoch", "loss", "rate", "gradient_norm", "clipped", "skipped", "tokens_a_second", "seconds",
)  # fmt: skip
SCORE_COLUMNS = ("step", "epoch", "split", "name", "value", "unit", "signature")


def rows_of(out: Path) -> Iterator[dict[str, Any]]:
    """The whole rows of a run's metrics.jsonl; none where there is no such file."""
    path = out / FILE
    if path.is_file():
        with path.open("rb") as file:
            for line in file:
                if line.endswith(b"\n"):  # the last one may be half-written
                    yield json.loads(line)


class Sink(Protocol):
    """A further place that rows go to."""

    def rewind(self, rows: list[dict[str, Any]]) -> None:
        """These are all rows there are; forget others."""

    def add(self, row: Mapping[str, Any]) -> None:
        """One more row."""

    def close(self) -> None:
        """No more rows."""


class Log:
    """`out`/metrics.jsonl and the sinks; begins with the first `size_bytes` of what is there."""

    def __init__(self, out: Path, sinks: Sequence[str], size_bytes: int):
        self._path = out / FILE
        self._file = open(self._path, "ab+")  # noqa: SIM115 closed by `close`
        self._sinks: list[Sink] = [SINKS[name](out) for name in sinks]
        self.rewind(size_bytes)

    def rewind(self, size_bytes: int) -> None:
        """Forget what was written after the first `size_bytes`. Raises BundleError where there are not that many."""
        there = os.fstat(self._file.fileno()).st_size
        if there < size_bytes:
            raise BundleError(
                f"{self._path}: it has {there} bytes where the checkpoint knows {size_bytes}; put it back or start "
                "again with --fresh"
            )
        self._file.truncate(size_bytes)
        if self._sinks:
            self._file.seek(0)
            rows = [json.loads(line) for line in self._file]
            for sink in self._sinks:
                sink.rewind(rows)

    def add(self, kind: str, **row: Any) -> None:
        """One row, in every place."""
        whole = {"kind": kind, **row}
        self._file.write(json.dumps(whole, allow_nan=False).encode() + b"\n")
        self._file.flush()
        for sink in self._sinks:
            sink.add(whole)

    def size_bytes(self) -> int:
        """The length of metrics.jsonl, all of it on the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return os.fstat(self._file.fileno()).st_size

    def close(self) -> None:
        """Close every file."""
        with contextlib.suppress(OSError):  # every row was flushed when it was added
            self._file.close()
        for sink in self._sinks:
            sink.close()


class CSV:
    """metrics.csv with the training rows, scores.csv with one line a score."""

    def __init__(self, out: Path):
        self._paths = out / "metrics.csv", out / "scores.csv"

    def rewind(self, rows: list[dict[str, Any]]) -> None:
        """Write both files anew."""
        for path, columns in zip(self._paths, (COLUMNS, SCORE_COLUMNS)):
            with open(path, "w", newline="") as file:
                csv.writer(file).writerow(columns)
        for row in rows:
            self.add(row)

    def add(self, row: Mapping[str, Any]) -> None:
        """A line, or one for each score."""
        if row["kind"] == "train":
            self._write(self._paths[0], [[row[column] for column in COLUMNS]])
        if row["kind"] == "scores":
            lines = [{**row, **score, "signature": _joined(score["signature"])} for score in row["scores"]]
            self._write(self._paths[1], [[line[column] for column in SCORE_COLUMNS] for line in lines])

    def close(self) -> None:
        """Nothing is open between rows."""

    def _write(self, path: Path, lines: Sequence[Sequence[Any]]) -> None:
        with open(path, "a", newline="") as file:
            csv.writer(file).writerows(lines)


class TensorBoard:
    """Events in tensorboard/; steps that training went back behind are marked as purged.

    Raises ConfigError where the extra `tensorboard` is not installed.
    """

    def __init__(self, out: Path):
        try:
            from tensorboardX import SummaryWriter
        except ImportError as error:
            raise ConfigError(
                'train.log: tensorboard needs a package that is not installed; pip install "ostinato[tensorboard]"'
            ) from error
        self._make, self._folder = SummaryWriter, out / "tensorboard"
        self._writer: Any = None

    def rewind(self, rows: list[dict[str, Any]]) -> None:
        """Events after the last row are purged."""
        self.close()
        last = max((row["step"] for row in rows), default=0)
        self._writer = self._make(str(self._folder), purge_step=last + 1)

    def add(self, row: Mapping[str, Any]) -> None:
        """A point on each curve."""
        for name, value in _points(row):
            self._writer.add_scalar(name, value, row["step"])
        self._writer.flush()

    def close(self) -> None:
        """Close the events."""
        if self._writer is not None:
            self._writer.close()


def _joined(parts: Mapping[str, str]) -> str:
    return "|".join(f"{name}:{value}" for name, value in parts.items())


def _points(row: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    if row["kind"] == "train":
        for column in COLUMNS[2:]:
            if row[column] is not None:
                yield f"train/{column}", row[column]
    if row["kind"] == "scores":
        for score in row["scores"]:
            if score["value"] is not None:
                yield f"{row['split']}/{score['name']}", score["value"]


SINKS = {"csv": CSV, "tensorboard": TensorBoard}

"""predict: one prediction for each line of a file."""

import json
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from ostinato.cli.generate import Run
from ostinato.errors import DataError

LINE_BYTES = 1 << 20
LINES_AT_ONCE = 16


def predict(
    run: Run,
    file: Annotated[Path, typer.Argument(help="UTF-8 with one item a line; - reads standard input.")] = Path("-"),
) -> None:
    """Print one line of JSON for each line of a file."""
    from ostinato.bundle import Bundle

    bundle = Bundle.load(run)
    lines, count = _lines(file), 0
    while batch := list(islice(lines, LINES_AT_ONCE)):
        for prediction in bundle.predict(batch):
            print(json.dumps(bundle.task.to_record(prediction), ensure_ascii=False))
        count += len(batch)
    if not count:
        print(f"{file}: it has no lines, so there is nothing to predict", file=sys.stderr)


def _lines(path: Path) -> Iterator[str]:
    """The lines of a UTF-8 file, without their ends. Raises DataError naming the line that cannot be read."""
    with open(0 if str(path) == "-" else path, "rb", closefd=str(path) != "-") as file:
        for number, raw in enumerate(iter(lambda: file.readline(LINE_BYTES + 1), b""), start=1):
            if len(raw) > LINE_BYTES:
                raise DataError(f"{path}: line {number} is longer than 1 MiB; cut it")
            try:
                yield raw.decode().removesuffix("\n").removesuffix("\r")
            except UnicodeDecodeError as error:
                raise DataError(
                    f"{path}: line {number}, byte {error.start} is not UTF-8 ({error.reason}); convert the file first"
                ) from error

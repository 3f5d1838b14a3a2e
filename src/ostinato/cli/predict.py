"""predict: one prediction for each line of a file."""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from ostinato.cli.generate import Run
from ostinato.errors import ConfigError, DataError

LINE_BYTES = 1 << 20


def predict(
    context: typer.Context,
    run: Run,
    file: Annotated[Path, typer.Argument(help="UTF-8 with one item a line; - reads standard input.")] = Path("-"),
) -> None:
    """Print one line of JSON for each line of a file.

    A task may have options of its own, given as --name VALUE.
    """
    from ostinato.bundle import Bundle

    bundle, count = Bundle.load(run), 0
    for prediction in bundle.predictions(_lines(file), **_options(context.args)):
        print(json.dumps(bundle.task.to_record(prediction), ensure_ascii=False))
        count += 1
    if not count:
        print(f"{file}: it has no lines, so there is nothing to predict", file=sys.stderr)


def _options(words: Sequence[str]) -> dict[str, Any]:
    """`--name VALUE` and `--name=VALUE` as a dict; values are written as in --set. Raises ConfigError for other
    words."""
    from ostinato.recipe import value_of

    options: dict[str, Any] = {}
    rest = iter(words)
    for word in rest:
        name, equals, text = word.partition("=")
        value = text if equals else next(rest, None)
        if not name.startswith("--") or value is None:
            raise ConfigError(f"{word}: it is not an option with a value; write --name VALUE")
        options[name[2:].replace("-", "_")] = value_of(value)
    return options


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

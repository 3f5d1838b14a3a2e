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
    file: Annotated[str, typer.Argument(help="UTF-8 with one item a line; - reads standard input.")] = "",
) -> None:
    """Print one line of JSON for each line of a file.

    A task may have options of its own, given as --name VALUE.
    """
    from ostinato.bundle import Bundle

    path, options = _file_and_options([file, *context.args] if file else context.args)
    bundle, count = Bundle.load(run), 0
    for prediction in bundle.predictions(_lines(path), **options):
        print(json.dumps(bundle.task.to_record(prediction), ensure_ascii=False))
        count += 1
    if not count:
        print(f"{path}: it has no lines, so there is nothing to predict", file=sys.stderr)


def _file_and_options(words: Sequence[str]) -> tuple[Path, dict[str, Any]]:
    """The one word that is a file, - without one, and `--name VALUE` or `--name=VALUE` as a dict, values as in --set.
    Raises ConfigError for a second file and for an option without a value."""
    from ostinato.recipe import value_of

    options: dict[str, Any] = {}
    files: list[str] = []
    rest = iter(words)
    for word in rest:
        name, equals, text = word.partition("=")
        if not name.startswith("--"):
            files.append(word)
            continue
        value = text if equals else next(rest, None)
        if value is None:
            raise ConfigError(f"{word}: it has no value; write {word} VALUE")
        options[name[2:].replace("-", "_")] = value_of(value)
    if len(files) > 1:
        raise ConfigError(f"{files[1]}: a second file; name one at a time")
    return Path(files[0] if files else "-"), options


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

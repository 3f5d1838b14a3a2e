"""generate, stream, predict: a trained model says something."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from ostinato.errors import ConfigError, DataError

if TYPE_CHECKING:
    from ostinato.bundle import Bundle
    from ostinato.decode import Ranking

T = TypeVar("T")

LINE_BYTES = 1 << 20
CHUNK_BYTES = 1 << 12  # at most so many steps' scores are held at once
LINES_AT_ONCE = 16

Run = Annotated[Path, typer.Argument(help="A training run or a bundle.", show_default=False)]


def generate(
    run: Run,
    prompt: Annotated[str, typer.Option(help="What to go on from.")] = "",
    length: Annotated[int, typer.Option(min=0, help="How many tokens to write (characters, if it reads those).")] = 400,
    temperature: Annotated[float, typer.Option(help="Below 1 safer, above 1 wilder; 0 takes the likeliest.")] = 1.0,
    top_k: Annotated[int | None, typer.Option(help="Draw from this many of the likeliest.")] = None,
    top_p: Annotated[float | None, typer.Option(help="Draw from the likeliest that hold this probability.")] = None,
    min_p: Annotated[float | None, typer.Option(help="Draw what is at least this share of the likeliest.")] = None,
    typical: Annotated[float | None, typer.Option(help="Draw from the most typical that hold so much.")] = None,
    no_repeat_ngram: Annotated[int | None, typer.Option(help="Write no so many tokens in a row twice.")] = None,
    beam: Annotated[int | None, typer.Option(help="Do not draw: search for the likeliest text, this wide.")] = None,
    length_penalty: Annotated[float | None, typer.Option(help="With --beam: 0 to 1, more favours long texts.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed writes the same text.")] = 0,
    stream: Annotated[bool, typer.Option("--stream", help="Print each character as soon as it is there.")] = False,
) -> None:
    """Write text: the prompt, and what the model goes on with."""
    import torch

    from ostinato import decode
    from ostinato.padded import Padded

    sampling: dict[str, Any] = {"top_k": top_k, "top_p": top_p, "min_p": min_p, "typical": typical}
    sampling["temperature"] = temperature or 1.0
    check("", decode.Sampling, **sampling)
    if temperature == 0 and beam is None:
        for name, value in {**sampling, "seed": seed or None}.items():
            if name != "temperature" and value is not None:
                raise ConfigError(
                    f"--{name.replace('_', '-')}: with --temperature 0 the likeliest is taken; leave one out"
                )
    repeats = [] if no_repeat_ngram is None else [check("--no-repeat-ngram", decode.NoRepeat, no_repeat_ngram)]
    ranking = _ranking(beam, length_penalty, {**sampling, "temperature": temperature, "seed": seed, "stream": stream})
    bundle, tokenizer = _speaker(run)
    ids = tokenizer.encode(prompt)
    unknown = int((ids == tokenizer.unknown).sum()) if tokenizer.unknown is not None else 0
    if unknown:
        characters = sorted({c for c in prompt if (tokenizer.encode(c) == tokenizer.unknown).any()})
        print(f"--prompt: the model never saw {' '.join(characters)!r}; that is read as unknown", file=sys.stderr)
    read = Padded.full(torch.from_numpy(ids.astype("int64")).unsqueeze(0)) if len(ids) else None
    tokens: Iterator[int] = iter(())
    given: dict[str, Any] = {"max_length": length, "prompt": read, "constraints": repeats}
    lm: Any = bundle.model
    if length and beam is not None:
        tokens = iter(decode.beam(lm, beam, ranking=ranking, **given)[0][0].tokens)
    elif length and temperature == 0:
        tokens = decode.greedy_tokens(lm, **given)
    elif length:
        tokens = decode.sample_tokens(lm, seed=seed, **given, **sampling)
    writer = tokenizer.incremental_decoder()
    sys.stdout.write(prompt)
    for token in tokens:
        sys.stdout.write(writer.write(token))
        if stream:
            sys.stdout.flush()
    sys.stdout.write(writer.close() + "\n")


def stream(run: Run) -> None:
    """Answer standard input element by element, as it comes.

    Each answer is a line of JSON: the element, its cost in nats, and what is likely next.
    """
    from ostinato.bundle import Bundle

    bundle = Bundle.load(run)
    live = bundle.stream()
    while chunk := os.read(0, CHUNK_BYTES):  # what is there, without waiting for more
        _answer(live.push(chunk).stable)
    said, whole = live.close()
    _answer(said.stable)
    print(_summary(bundle.task.to_record(whole)), file=sys.stderr)


def predict(
    run: Run,
    file: Annotated[Path, typer.Argument(help="One item a line; - reads standard input.")] = Path("-"),
) -> None:
    """One line of JSON for each line of a file."""
    from ostinato.bundle import Bundle

    bundle = Bundle.load(run)
    lines, count = _lines(file), 0
    while batch := list(islice(lines, LINES_AT_ONCE)):
        for prediction in bundle.predict(batch):
            print(json.dumps(bundle.task.to_record(prediction), ensure_ascii=False))
        count += len(batch)
    if not count:
        print(f"{file}: it has no lines, so there is nothing to predict", file=sys.stderr)


def _speaker(run: Path) -> "tuple[Bundle, Any]":
    from ostinato.bundle import Bundle

    bundle = Bundle.load(run)
    tokenizer = getattr(bundle.task, "tokenizer", None)
    if tokenizer is None or not hasattr(bundle.model, "log_probs"):
        raise ConfigError(f"{run}: its task is '{bundle.recipe['task']['name']}', which writes no text; use predict")
    return bundle, tokenizer


def _ranking(beam: int | None, length_penalty: float | None, drawing: dict[str, Any]) -> "Ranking":
    """How a beam ranks. Raises ConfigError for what a beam cannot do, or only a beam can."""
    from ostinato.decode import GNMT, Ranking

    if beam is None:
        if length_penalty is not None:
            raise ConfigError("--length-penalty: only --beam compares texts; add it, or leave this out")
        return Ranking()
    if beam < 1:
        raise ConfigError(f"--beam: {beam} keeps nothing; keep at least 1")
    usual = {"temperature": 1.0, "seed": 0, "stream": False}
    for name, value in drawing.items():
        if value != usual.get(name):
            why = "knows a text only at its end" if name == "stream" else "draws nothing"
            raise ConfigError(f"--{name.replace('_', '-')}: --beam {why}; leave one of them out")
    return Ranking(None if length_penalty is None else check("--length-penalty", GNMT, length_penalty))


def check(option: str, make: Callable[..., T], *values: Any, **named: Any) -> T:
    """What is made of options; refused before anything is loaded, under their own names."""
    try:
        return make(*values, **named)
    except ConfigError as error:
        problems = [problem.removeprefix("decode.").partition(":") for problem in error.problems]
        said = [f"{option or '--' + name.replace('_', '-')}:{rest}" for name, _, rest in problems]
        raise ConfigError(said) from error


def _answer(elements: list[Any]) -> None:
    for element in elements:
        sys.stdout.write(json.dumps(element, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _summary(shown: dict[str, Any]) -> str:
    said = {key: f"{value:.3f}" if isinstance(value, float) else value for key, value in shown.items()}
    return " · ".join(f"{key.replace('_', ' ')} {value}" for key, value in said.items() if value is not None)


def _lines(path: Path) -> Iterator[str]:
    """The lines of a UTF-8 file, without their ends. Raises DataError naming the line that is none."""
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

"""generate: a trained language model continues a text."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from ostinato.errors import ConfigError

T = TypeVar("T")

Run = Annotated[Path, typer.Argument(help="A run's or a bundle's folder.", show_default=False)]


def generate(
    run: Run,
    prompt: Annotated[str, typer.Option(help="The text to continue.")] = "",
    length: Annotated[int, typer.Option(min=0, help="Most tokens to write (of a character model: characters).")] = 400,
    temperature: Annotated[
        float,
        typer.Option(help="Below 1 more predictable, above 1 less; 0 takes the most probable token."),
    ] = 1.0,
    top_k: Annotated[int | None, typer.Option(help="Sample from this many of the most probable tokens.")] = None,
    top_p: Annotated[
        float | None, typer.Option(help="Sample from the most probable tokens that hold this probability, 0 to 1.")
    ] = None,
    min_p: Annotated[
        float | None, typer.Option(help="Leave out tokens below this share of the most probable one, 0 to 1.")
    ] = None,
    typical: Annotated[
        float | None, typer.Option(help="Sample from the most typical tokens that hold this probability, 0 to 1.")
    ] = None,
    no_repeat_ngram: Annotated[
        int | None, typer.Option(help="Let no sequence of this many tokens occur twice.")
    ] = None,
    beam: Annotated[
        int | None, typer.Option(help="Search for the most probable text with this many hypotheses; no sampling.")
    ] = None,
    length_penalty: Annotated[
        float | None, typer.Option(help="With --beam: power of the length penalty, from 0; 1 favours long texts most.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same text.")] = 0,
    stream: Annotated[bool, typer.Option("--stream", help="Print each character as soon as it is written.")] = False,
) -> None:
    """Write text: the prompt, and the model's continuation of it."""
    from ostinato.bundle import Bundle
    from ostinato.decode import Generation, unknown_characters

    generation = checked(
        Generation, length=length, temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p, typical=typical,
        no_repeat_ngram=no_repeat_ngram, beam=beam, length_penalty=length_penalty, seed=seed,
    )  # fmt: skip
    if stream and beam is not None:
        raise ConfigError("--stream: a beam search knows the text only at its end; leave out --stream or --beam")
    bundle = Bundle.load(run)
    pieces = bundle.continuation(prompt, generation)
    unknown = unknown_characters(bundle.tokenizer, prompt)
    if unknown:
        print(f"--prompt: the model does not know {' '.join(unknown)!r} and reads it as unknown", file=sys.stderr)
    sys.stdout.write(prompt)
    for piece in pieces:
        sys.stdout.write(piece)
        if stream:
            sys.stdout.flush()
    sys.stdout.write("\n")


def checked(make: Callable[..., T], **options: object) -> T:
    """What is made of options. Raises ConfigError in which each problem names the option of the command line."""
    try:
        return make(**options)
    except ConfigError as error:
        problems = [problem.partition(":") for problem in error.problems]
        named = [f"--{name.rpartition('.')[2].replace('_', '-')}:{rest}" for name, _, rest in problems]
        raise ConfigError(named) from error

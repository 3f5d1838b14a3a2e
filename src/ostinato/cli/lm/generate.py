"""lm generate: a language model of any kind continues a text."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ostinato.scoring import TextScorer


def generate(
    model: Annotated[Path, typer.Argument(help="An n-gram file, a mixture, a run or a bundle.", show_default=False)],
    prompt: Annotated[str, typer.Option(help="The text to continue.")] = "",
    length: Annotated[int, typer.Option(min=0, help="Number of tokens to write; the end of a line is one.")] = 100,
    temperature: Annotated[float, typer.Option(help="Above 0; below 1 more predictable, above 1 less.")] = 1.0,
    top_k: Annotated[int | None, typer.Option(help="Sample from this many of the most probable tokens.")] = None,
    top_p: Annotated[
        float | None, typer.Option(help="Sample from the most probable tokens that hold this probability, 0 to 1.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same text.")] = 0,
) -> None:
    """Write text: the prompt, and the model's continuation of it; after the end of a sentence a new one begins."""
    from ostinato.cli.generate import checked
    from ostinato.decode import Sampling
    from ostinato.open_scorer import open_scorer

    options: dict[str, Any] = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
    checked(Sampling, **options)
    reader = open_scorer(model)
    write = _words if reader.tokenizer is None else _tokens
    for piece in write(reader, prompt, length, seed, options):
        sys.stdout.write(piece)
    sys.stdout.write("\n")


def _words(reader: "TextScorer", prompt: str, length: int, seed: int, options: dict[str, Any]) -> Iterator[str]:
    numbers = {word: number for number, word in enumerate(reader.words)}
    words = prompt.split()
    ids = [numbers.get(word, numbers["<unk>"]) for word in words]
    _print_unknown([word for word in words if word not in numbers])
    yield " ".join(words)
    between = " " if words else ""
    for token in _sampled(reader.lm, ids, length, seed, options):
        if token == reader.lm.eos:
            yield "\n"
            between = ""
        else:
            yield between + reader.words[token]
            between = " "


def _tokens(reader: "TextScorer", prompt: str, length: int, seed: int, options: dict[str, Any]) -> Iterator[str]:
    tokenizer = reader.tokenizer
    assert tokenizer is not None, "models of words write words"
    ids = tokenizer.encode(prompt).tolist() if prompt else []
    _print_unknown([piece for i, piece in zip(ids, tokenizer.pieces(ids)) if i == tokenizer.unknown])
    writer = tokenizer.incremental_decoder()
    yield prompt
    for token in _sampled(reader.lm, ids, length, seed, options):
        if token != tokenizer.eos:
            yield writer.write(token)
    yield writer.close()


def _sampled(lm: Any, prompt: list[int], length: int, seed: int, options: dict[str, Any]) -> Iterator[int]:
    """Tokens, </s> among them; after it a new sentence is sampled, with the next number of the generator as its
    seed."""
    import torch

    from ostinato.decode import sample_tokens
    from ostinato.padded import Padded

    dice = torch.Generator().manual_seed(seed)
    left = length
    while left:
        read = Padded.full(torch.tensor([prompt])) if prompt else None
        count = 0
        for token in sample_tokens(lm, max_length=left, seed=dice, prompt=read, **options):
            yield token
            count += 1
        left -= count
        if left:  # the sentence ended
            yield lm.eos
            left -= 1
        prompt = []


def _print_unknown(unknown: list[str]) -> None:
    if unknown:
        listed = ", ".join(sorted(set(unknown)))
        print(f"--prompt: the model does not know {listed} and reads it as unknown", file=sys.stderr)

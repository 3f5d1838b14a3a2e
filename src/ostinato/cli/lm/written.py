"""The file that an n-gram model is written to, and its format."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ostinato.errors import ConfigError

if TYPE_CHECKING:
    from ostinato.text import Tokenizer

Out = Annotated[Path, typer.Option("--out", "-o", help="The file to write.", show_default=False)]
Quantize = Annotated[bool, typer.Option("--quantize", help="Store numbers in 8 bits: less than half the size.")]
Memory = Annotated[str | None, typer.Option(help="Memory to use, such as 2G; default half of the machine's.")]

PACKED = (".gz", ".xz")


def is_arpa(path: Path) -> bool:
    """By its name: .arpa, .arpa.gz or .arpa.xz."""
    return (path.with_suffix("") if path.suffix in PACKED else path).suffix == ".arpa"


def bits(out: Path, quantize: bool) -> int | None:
    """How many bits a number has. Raises ConfigError for a name that cannot be written so."""
    if quantize and is_arpa(out):
        raise ConfigError(f"--quantize: {out} is text, which is not quantized; give the file another suffix")
    if out.suffix in PACKED and not is_arpa(out):
        raise ConfigError(
            f"-o: {out} has the suffix of a compressed file, and only ARPA files are "
            f"compressed; name it .arpa{out.suffix}"
        )
    return 8 if quantize else None


def checked_out(out: Path, inputs: Iterable[Path]) -> None:
    """Raises ConfigError where the file to write is a folder, or one of those that are read."""
    if out.is_dir():
        raise ConfigError(f"-o: {out} is a folder; name a file")
    for each in inputs:
        if each.exists() and out.exists() and each.samefile(out):
            raise ConfigError(f"-o: {out} is one of the inputs and would be overwritten; name another file")


def write(
    grams: Any, out: Path, value_bits: int | None, memory: str | None, progress: Any, tokenizer: "Tokenizer | None"
) -> None:
    """ARPA text by its suffix, else the frozen file; and the tokenizer, if the model has one, beside it."""
    from ostinato.lm.ngram import freeze, write_arpa
    from ostinato.lm.ngram.build import memory_bytes
    from ostinato.lm.ngram.token_build import sidecar
    from ostinato.scoring.ngrams import save_tokenizer

    if is_arpa(out) and not grams.distribution:
        raise ConfigError(
            f"-o: {out} could not say that its scores are no distribution, and who reads it would take them for one; "
            "give the file another suffix"
        )
    beside, replaced = sidecar(out), out.exists()
    if beside.exists() and not replaced and not (tokenizer and beside.read_text("utf-8") == tokenizer.to_json()):
        raise ConfigError(f"-o: {beside} is there and would pass for the tokenizer of {out}; move it or name another")
    if tokenizer is not None:  # first: a model of tokens is never there without it
        save_tokenizer(out, tokenizer)
    if is_arpa(out):
        write_arpa(grams, out, progress=progress)
    else:
        limit = {} if memory is None else {"memory": max(memory_bytes(memory) // 4, 1 << 20)}
        freeze(grams, out, quantize=value_bits, progress=progress, **limit)
    if tokenizer is None and replaced:  # that of the model that stood here
        beside.unlink(missing_ok=True)

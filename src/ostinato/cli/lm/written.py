"""Where an n-gram model is written, and as what."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ostinato.errors import ConfigError

if TYPE_CHECKING:
    from ostinato.text import Tokenizer

Out = Annotated[Path, typer.Option("--out", "-o", help="The file to write.", show_default=False)]
Quantize = Annotated[bool, typer.Option("--quantize", help="8 bits a number: less than half the size.")]
Memory = Annotated[str | None, typer.Option(help="Such as 2G; half of the machine's if not given.")]

PACKED = (".gz", ".xz")


def is_arpa(path: Path) -> bool:
    """By its name: .arpa, .arpa.gz or .arpa.xz."""
    return (path.with_suffix("") if path.suffix in PACKED else path).suffix == ".arpa"


def bits(out: Path, quantize: bool) -> int | None:
    """How many bits a number has. Raises ConfigError for a name that cannot be written so."""
    if quantize and is_arpa(out):
        raise ConfigError(f"--quantize: {out} is text and has no bits to save; give the file another suffix")
    if out.suffix in PACKED and not is_arpa(out):
        raise ConfigError(f"-o: {out} would be compressed, and only ARPA files are; name it .arpa{out.suffix}")
    return 8 if quantize else None


def write(
    grams: Any, out: Path, value_bits: int | None, memory: str | None, progress: Any, tokenizer: "Tokenizer | None"
) -> None:
    """ARPA text by its suffix, else the frozen file; and the tokenizer, if the model has one, beside it."""
    from ostinato.lm.ngram import freeze, write_arpa
    from ostinato.lm.ngram.build import memory_bytes
    from ostinato.lm.ngram.of_tokens import sidecar
    from ostinato.textmodel.ngrams import save_tokenizer

    # The other file first: a model of tokens is never there without it, one of words never with it.
    if tokenizer is not None:
        save_tokenizer(out, tokenizer)
    else:
        sidecar(out).unlink(missing_ok=True)
    if is_arpa(out):
        write_arpa(grams, out, progress=progress)
    else:
        limit = {} if memory is None else {"memory": max(memory_bytes(memory) // 4, 1 << 20)}
        freeze(grams, out, quantize=value_bits, progress=progress, **limit)

"""lm convert, lm prune: one n-gram file to another."""

import contextlib
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ostinato.cli.lm.written import Memory, Out, Quantize, bits, checked_out, is_arpa, write
from ostinato.errors import ConfigError

Model = Annotated[Path, typer.Argument(help="An n-gram file, binary or ARPA.", show_default=False)]


def convert(model: Model, out: Out, quantize: Quantize = False, memory: Memory = None) -> None:
    """Convert ARPA text to the binary file that loads at once, or back. -o FILE.arpa (.arpa.gz, .arpa.xz) writes
    text."""
    from ostinato.training.progress import standard

    value_bits = bits(out, quantize)
    checked_out(out, [model])
    if memory is not None and is_arpa(out):
        raise ConfigError(f"--memory: {out} is written while it is read and needs no sorting; leave it out")
    with contextlib.closing(standard()) as progress:
        grams, tokenizer, own_bits = _read(model, progress.stage)
        write(grams, out, None if is_arpa(out) else value_bits or own_bits, memory, progress.stage, tokenizer)
    print(f"{out}: {_sizes(grams)} n-grams, {out.stat().st_size:,} bytes", file=sys.stderr)


def prune(
    model: Model,
    out: Out,
    entropy: Annotated[
        float, typer.Option(help="Leave out n-grams without which perplexity rises by less than this share.")
    ],
    quantize: Quantize = False,
    memory: Memory = None,
) -> None:
    """Leave out n-grams that change perplexity little (Stolcke, 1998). Pruning by counts is an option of lm build."""
    from ostinato.lm.ngram import pruned
    from ostinato.training.progress import standard

    value_bits = bits(out, quantize)
    checked_out(out, [model])
    if not entropy > 0:
        raise ConfigError(f"--entropy: {entropy} prunes nothing; give a share above 0, such as 1e-8")
    with contextlib.closing(standard()) as progress:
        grams, tokenizer, own_bits = _read(model, progress.stage)
        before = _sizes(grams)
        less = pruned(grams, entropy, memory=memory, progress=progress.stage)
        write(less, out, None if is_arpa(out) else value_bits or own_bits, memory, progress.stage, tokenizer)
    print(f"{out}: {_sizes(less)} n-grams of {before}", file=sys.stderr)


def _read(model: Path, progress: Any) -> tuple[Any, Any, int | None]:
    """Its n-grams, its tokenizer, and how many bits its numbers have if they were quantized."""
    from ostinato.open_scorer import open_scorer
    from ostinato.scoring.ngrams import TokenNGramScorer, WordNGramScorer

    scorer = open_scorer(model, progress)
    if not isinstance(scorer, WordNGramScorer | TokenNGramScorer):
        raise ConfigError(f"{model}: it is not an n-gram file; give a file that lm build wrote, or an ARPA file")
    return scorer.ngram.grams(), scorer.tokenizer, scorer.ngram.quantize


def _sizes(grams: Any) -> str:
    return ", ".join(f"{grams.count(n):,}" for n in range(1, grams.order + 1))

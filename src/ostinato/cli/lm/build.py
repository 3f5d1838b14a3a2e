"""lm build: n-grams are counted in texts, smoothed, and written to a file."""

import contextlib
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ostinato.cli.lm.written import Memory, Out, Quantize, bits, checked_out, write
from ostinato.errors import ConfigError, DataError

if TYPE_CHECKING:
    from ostinato.lm.ngram import Estimate
    from ostinato.text import Tokenizer

UNITS = ("character", "byte")
Prune = Annotated[
    str,
    typer.Option(
        metavar="COUNTS", help="Leave out n-grams with this count or less; one count for each order, such as 0,0,1."
    ),
]
Unit = Annotated[
    str,
    typer.Option(
        help="The tokens: word (split at white space, one sentence a line), character, byte, or a tokenizer.json."
    ),
]
Vocabulary = Annotated[
    str | None,
    typer.Option(metavar="N|FILE", help="Keep only the N most frequent words, or the words of this text; default all."),
]
Reserved = Annotated[
    str,
    typer.Option(
        help="What to do with <unk>, <s> and </s> in a text: refuse, skip, or unknown (<unk> is the unknown word)."
    ),
]


def build(
    texts: Annotated[
        list[Path], typer.Argument(help="Texts in UTF-8, also .gz and .xz, or mirror:NAME.", show_default=False)
    ],
    out: Out,
    order: Annotated[int, typer.Option(help="Tokens in the longest n-gram, 1 to 24.")] = 3,
    smoothing: Annotated[
        str, typer.Option(help="A smoothing's name, or its table: '{ name = \"absolute\", discount = 0.7 }'.")
    ] = "modified_kneser_ney",
    prune: Prune = "0",
    entropy: Annotated[
        float,
        typer.Option(help="Leave out n-grams without which perplexity rises by less than this share; 0 keeps all."),
    ] = 0.0,
    unit: Unit = "word",
    vocabulary: Vocabulary = None,
    reserved: Reserved = "refuse",
    quantize: Quantize = False,
    memory: Memory = None,
) -> None:
    """Count n-grams and smooth them. -o FILE.arpa (.arpa.gz, .arpa.xz) writes text, any other name a binary file."""
    from ostinato.lm.ngram import build as estimate
    from ostinato.training.progress import standard

    options: dict[str, Any] = {"smoothing": _table(smoothing), "prune": _counts(prune), "entropy": entropy}
    options["memory"] = memory
    if unit != "word" and vocabulary is not None:
        raise ConfigError(f"--vocabulary: with --unit {unit} it is the tokenizer's; leave it out")
    if unit != "word" and reserved != "refuse":
        raise ConfigError(f"--reserved: --unit {unit} has no words like these; leave it out")
    value_bits = bits(out, quantize)
    checked_out(out, [*texts, Path(unit), Path(vocabulary or "")])
    with tempfile.TemporaryDirectory(prefix="ostinato-") as folder, contextlib.closing(standard()) as progress:
        tokenizer = None
        if unit == "word":
            # Compressed texts are read as they are, so only what is no path is made one.
            named = [_located(i, n, folder, progress.stage) if ":" in str(n) else n for i, n in enumerate(texts)]
            options |= {"vocabulary": _vocabulary(vocabulary), "reserved": reserved}
            estimated = estimate(named, order, progress=progress.stage, **options)
        else:
            named = [_located(i, n, folder, progress.stage) for i, n in enumerate(texts)]
            estimated, tokenizer = _of_tokens(named, order, unit, options, progress.stage)
        write(estimated.grams, out, value_bits, memory, progress.stage, tokenizer)
    _say(estimated, out)


def _located(number: int, name: Path, folder: str, progress: Any) -> Path:
    """The plain file of a path, a compressed one, builtin:… or mirror:…"""
    from ostinato.data.paths import resolve_file

    return resolve_file(str(name), Path(folder, str(number)), progress)


def _of_tokens(
    names: list[Path], order: int, unit: str, options: dict[str, Any], progress: Any
) -> "tuple[Estimate, Tokenizer]":
    from ostinato.lm.ngram.token_build import build_of_tokens
    from ostinato.scoring.base import whole
    from ostinato.text import tokenizers

    texts = [whole(name) for name in names]
    for text in texts:
        if not text.size_bytes:
            raise DataError(f"{text.path}: it is empty; give a text with at least one character")
    if unit in UNITS:
        tokenizer = tokenizers.build({"name": unit})
        tokenizer.train(piece for text in texts for piece in text.pieces())
    else:
        tokenizer = _saved(Path(unit))
    return build_of_tokens(texts, tokenizer, order, progress=progress, **options), tokenizer


def _saved(path: Path) -> "Tokenizer":
    """A tokenizer.json, or that of a run's folder."""
    from ostinato.data.paths import readable_file
    from ostinato.text import load

    file = path / "tokenizer.json" if path.is_dir() else path
    if not file.exists():
        raise ConfigError(
            f"--unit: {path} is neither word, {', '.join(UNITS)} nor a tokenizer.json or a folder with one; "
            "train one with ostinato tokenize train"
        )
    try:
        return load(readable_file(file).read_text("utf-8"))
    except UnicodeDecodeError as error:
        raise DataError(f"{file}: byte {error.start} is not UTF-8; name a tokenizer.json") from error


def _table(text: str) -> str | dict[str, Any]:
    if not text.lstrip().startswith("{"):
        return text
    try:
        return dict(tomllib.loads(f"smoothing = {text}")["smoothing"])
    except (tomllib.TOMLDecodeError, TypeError, ValueError) as error:
        raise ConfigError(
            f"--smoothing: {text!r} is not a table ({error}); write '{{ name = \"absolute\", discount = 0.7 }}'"
        ) from error


def _counts(text: str) -> int | list[int]:
    try:
        counts = [int(each) for each in text.replace(",", " ").split()]
    except ValueError:
        counts = []
    if not counts:
        raise ConfigError(f"--prune: {text!r} is not a list of counts; write one for each order, such as 0,0,1")
    return counts if len(counts) > 1 else counts[0]


def _vocabulary(size_or_file: str | None) -> int | list[str] | None:
    if size_or_file is None or size_or_file.isdecimal():
        return None if size_or_file is None else int(size_or_file)
    from ostinato.data.paths import readable_file
    from ostinato.lm.ngram.files import unpacked

    words: dict[bytes, None] = {}
    with readable_file(Path(size_or_file)).open("rb") as packed, unpacked(packed) as file:
        for line in file:
            words.update(dict.fromkeys(line.split()))
    for name in (b"<s>", b"</s>", b"<unk>"):
        words.pop(name, None)
    if not words:
        raise DataError(f"{size_or_file}: it has no words; give a text that has every word")
    return [word.decode("utf-8", "surrogateescape") for word in words]


def _say(estimated: "Estimate", out: Path) -> None:
    """Print what was counted, and where the build differs from what was asked."""
    sizes = ", ".join(f"{estimated.grams.count(n):,}" for n in range(1, estimated.grams.order + 1))
    print(f"{out}: order {estimated.grams.order}; {sizes} n-grams", file=sys.stderr)
    parts = [f"{estimated.tokens:,} tokens", f"{estimated.sentences:,} sentences"]
    for count, what in (
        (estimated.unknown_words, "unknown words"), (estimated.skipped_words, "words skipped"),
        (estimated.blank_lines, "lines without a word dropped"),
    ):  # fmt: skip
        parts += [f"{count:,} {what}"] if count else []
    print(" · ".join(parts), file=sys.stderr)
    for note in estimated.notes:
        print(note, file=sys.stderr)

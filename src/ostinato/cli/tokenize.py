"""tokenize: train a tokenizer, encode, decode, and compare several on one text."""

import contextlib
import gzip
import io
import json
import lzma
import os
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

import typer

from ostinato.cli.table import aligned
from ostinato.errors import ConfigError, DataError

if TYPE_CHECKING:
    from ostinato.text import Tokenizer

app = typer.Typer(
    name="tokenize", help="Train a tokenizer, encode, decode, and compare several on one text.", no_args_is_help=True
)
Kinds = Annotated[
    str, typer.Option("--kind", help="Kind of tokenizer: character, byte, word, bpe, wordpiece or unigram.")
]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="OPTION=VALUE", help="An option of the kind, such as lowercase=true; repeatable."),
]
Saved = Annotated[Path, typer.Argument(help="A tokenizer.json, or a SentencePiece .model.", show_default=False)]
Input = Annotated[Path, typer.Argument(help="A text in UTF-8, also .gz and .xz; - reads standard input.")]
SIZE: Final = 8000


@app.command()
def train(
    texts: Annotated[list[Path], typer.Argument(help="Texts in UTF-8, also .gz and .xz.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", help="The tokenizer.json to write.")] = Path("tokenizer.json"),
    kind: Kinds = "bpe",
    size: Annotated[
        int | None, typer.Option(min=1, help="Ids in the vocabulary, for kinds that have a size; default 8,000.")
    ] = None,
    options: Sets = None,
) -> None:
    """Learn a vocabulary from texts and save it as a tokenizer.json that the `tokenizers` library reads too."""
    from ostinato.files import replacing
    from ostinato.training.progress import standard

    _not_an_input(out, texts)
    tokenizer = _built(kind, size, options or [])
    with tempfile.TemporaryDirectory() as folder, contextlib.closing(standard()) as progress:
        tokenizer.train(_pieces(texts, Path(folder), progress.stage))
    with replacing(out) as file:
        file.write(tokenizer.to_json().encode())
    print(f"{out}: {kind}, {tokenizer.size:,} ids", file=sys.stderr)


@app.command()
def encode(
    tokenizer: Saved,
    text: Input = Path("-"),
    pieces: Annotated[bool, typer.Option("--pieces", help="Print the tokens' text instead of their ids.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object a line: ids, pieces and spans.")
    ] = False,
) -> None:
    """Print the ids of each line of a text, separated by spaces."""
    if pieces and as_json:
        raise ConfigError("--pieces: --json prints the pieces too; leave --pieces out")
    loaded = _loaded(tokenizer)
    for line in _lines(text):
        ids = loaded.encode(line)
        if as_json:
            record = {"ids": ids.tolist(), "pieces": loaded.pieces(ids), "spans": loaded.spans(line).tolist()}
            print(json.dumps(record, ensure_ascii=False))
        else:
            print(" ".join(loaded.pieces(ids) if pieces else map(str, ids.tolist())))


@app.command()
def decode(
    tokenizer: Saved, ids: Annotated[Path, typer.Argument(help="Lines of ids; - reads standard input.")] = Path("-")
) -> None:
    """Print the text of each line of ids."""
    loaded = _loaded(tokenizer)
    for number, line in enumerate(_lines(ids), 1):
        try:
            numbers = [int(word) for word in line.split()]
        except ValueError:
            raise DataError(
                f"{ids}:{number}: {line[:40]!r} is not a list of ids; give integers with spaces between"
            ) from None
        try:
            text = loaded.decode(numbers)
        except DataError as error:
            raise DataError(f"{ids}:{number}: {str(error).removeprefix('tokenizer: ')}") from None
        print(text)


@app.command()
def table(
    text: Annotated[Path, typer.Argument(help="A text in UTF-8, also .gz and .xz.", show_default=False)],
    saved: Annotated[
        list[Path] | None,
        typer.Argument(help="tokenizer.json files; without any, one tokenizer of each kind is trained."),
    ] = None,
    size: Annotated[
        int | None, typer.Option(min=1, help="Ids of the tokenizers that are trained here; default 8,000.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
) -> None:
    """Compare tokenizers: tokens per word, share of unknown tokens, and bits per character of a bigram on the last
    tenth."""
    from ostinato.compare.tokenizers import count_tokens
    from ostinato.data.sources.text import text as source
    from ostinato.text import tokenizers
    from ostinato.training.progress import standard

    if saved and size is not None:
        raise ConfigError("--size: saved tokenizers have their sizes already; leave --size out")
    cuts: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder, contextlib.closing(standard()) as progress:
        corpora = source(str(text), folder=Path(folder), progress=progress.stage)
        for name in map(str, saved) if saved else tokenizers.names():
            if saved:
                candidate = _loaded(Path(name))
            else:
                candidate = _built(name, size if "size" in tokenizers.example(name) else None, [])
                progress.stage(f"train {name}", 0, 1)
                candidate.train(corpora.splits["train"].pieces())
            cuts[name] = count_tokens(corpora, candidate, progress.stage)
    if as_json:
        rows = {
            name: {**each._asdict(), "tokens_per_word": each.tokens_per_word, "unknown_rate": each.unknown_rate}
            for name, each in cuts.items()
        }
        print(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    cells = [
        [
            name,
            f"{c.size:,}",
            f"{c.tokens:,}",
            f"{c.tokens_per_word:.3f}",
            f"{c.unknown_rate:.2%}",
            f"{c.bits_per_character:.3f}",
        ]
        for name, c in cuts.items()
    ]
    print(aligned(["", "ids", "tokens", "tokens/word", "unknown", "bits/character"], cells))


def _built(kind: str, size: int | None, options: list[str]) -> "Tokenizer":
    from ostinato.recipe import override
    from ostinato.text import tokenizers

    options_table = override({}, options)
    if "name" in options_table:
        raise ConfigError("--set name: use --kind to choose the kind")
    if "size" in options_table and size is not None:
        raise ConfigError("--size, --set size: both set the number of ids; leave one of them out")
    table = {"name": kind, **options_table}
    if "size" in tokenizers.example(kind):
        table = {"size": SIZE if size is None else size, **table}
    elif size is not None:
        raise ConfigError(f"--size: {kind} has no size to choose; leave --size out")
    return tokenizers.build(table, at="tokenizer")


def _not_an_input(out: Path, texts: list[Path]) -> None:
    for text in texts:
        if os.path.exists(out) and os.path.exists(text) and out.samefile(text):
            raise ConfigError(f"--out: {out} is one of the texts and would be overwritten; name another file")


def _loaded(path: Path) -> "Tokenizer":
    from ostinato.text import load

    if path.suffix == ".model":
        from ostinato.text.sentencepiece import read

        return read(path)
    try:
        return load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: it cannot be read ({error}); name a tokenizer.json") from None
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def _pieces(paths: list[Path], folder: Path, progress: Any) -> Iterator[str]:
    from ostinato.data.paths import resolve_file
    from ostinato.data.text_file import Text

    for number, path in enumerate(paths):
        (folder / str(number)).mkdir()
        plain = resolve_file(str(path), folder / str(number), progress)
        text = Text(plain, 0, plain.stat().st_size)
        yield from text.pieces(lambda done, total: progress(f"read {path.name}", done, total))  # noqa: B023


def _lines(path: Path) -> Iterator[str]:
    """The lines of a text, without their ends. Raises DataError with file and line where one is not UTF-8 or has more
    than 1 MiB."""
    with contextlib.ExitStack() as stack:
        try:
            file = sys.stdin.buffer if str(path) == "-" else stack.enter_context(_opened(path))
        except OSError as error:
            raise DataError(f"{path}: it cannot be read ({error.strerror}); name a text file") from None
        number = 0
        while raw := _line(file, path):
            number += 1
            if len(raw) > 1 << 20:
                raise DataError(f"{path}:{number}: the line has more than 1 MiB; break it into shorter ones")
            try:
                yield raw.decode().rstrip("\n").rstrip("\r")
            except UnicodeDecodeError as error:
                raise DataError(f"{path}:{number}: byte {error.start} is not UTF-8; convert the file first") from None


def _opened(path: Path) -> io.BufferedReader:
    """A file opened for reading, decompressed where it is a .gz or .xz."""
    openers: dict[str, Callable[[Path], Any]] = {".gz": gzip.open, ".xz": lzma.open}
    file = openers[path.suffix](path) if path.suffix in openers else path.open("rb")
    return cast(io.BufferedReader, file if isinstance(file, io.BufferedReader) else io.BufferedReader(file))


def _line(file: Any, path: Path) -> bytes:
    """The next line, or its first 1 MiB and one byte where it is longer; empty at the end."""
    try:
        return cast(bytes, file.readline((1 << 20) + 1))
    except (gzip.BadGzipFile, lzma.LZMAError, zlib.error, EOFError) as error:
        raise DataError(f"{path}: it cannot be decompressed ({error}); fetch or pack it again") from None

"""lm score: the perplexity of a text under a language model of any kind."""

import contextlib
import json
import math
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ostinato.cli.table import aligned
from ostinato.errors import ConfigError

if TYPE_CHECKING:
    from ostinato.metrics import Score
    from ostinato.scoring import TokenScores

Per = Literal["sentence", "word"]


def score(
    model: Annotated[Path, typer.Argument(help="An n-gram file, a mixture, a run or a bundle.", show_default=False)],
    text: Annotated[Path, typer.Argument(help="A text in UTF-8, also .gz and .xz.", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
    per: Annotated[Per | None, typer.Option(help="Print a line of JSON for each sentence or word instead.")] = None,
) -> None:
    """Print the perplexity of a text, with and without its unknown words, and the signature of the numbers.

    In JSON an infinite number is null; `impossible` counts the tokens that make it so.
    """
    from ostinato.data.paths import resolve_file
    from ostinato.open_scorer import open_scorer
    from ostinato.scoring.base import whole
    from ostinato.training.progress import standard

    if as_json and per is not None:
        raise ConfigError(
            "--json, --per: --per prints lines of JSON, --json one object for the whole text; use one of them"
        )
    with tempfile.TemporaryDirectory(prefix="ostinato-") as folder:
        with contextlib.closing(standard()) as progress:
            source = whole(resolve_file(str(text), Path(folder), progress.stage))
            reader = open_scorer(model, progress.stage)
            reading = reader.read(source, progress.stage, probabilities=per is None)
        if per is not None:
            words = per == "word"
            for line in _words(reading, reader.pieces(source)) if words else _rows(reading, reader.distribution):
                print(json.dumps(line, ensure_ascii=False))
            return
    numbers = _object(reading)
    print(json.dumps(numbers, indent=2, ensure_ascii=False) if as_json else _table(numbers))


def _object(reading: "TokenScores") -> dict[str, Any]:
    from ostinato.metrics import BitsPerCharacter, NatsPerCharacter, NatsPerToken

    every, known = reading.score(), _excluding(reading)
    return {
        "perplexity": finite(every.value),
        "interval": every.interval,
        "perplexity_excluding_oovs": finite(known.value) if known else None,
        "interval_excluding_oovs": known.interval if known else None,
        "tokens": reading.tokens,
        "oovs": reading.oov,
        "impossible": reading.impossible,
        "rows": len(reading.ends),
        "lines_dropped": reading.dropped,
        **{
            kind.name: finite(reading.score(kind).value)
            for kind in (NatsPerToken, NatsPerCharacter, BitsPerCharacter)
        },
        "signature": every.signature.parts(),
        "signature_excluding_oovs": known.signature.parts() if known else None,
    }  # fmt: skip


def _excluding(reading: "TokenScores") -> "Score | None":
    """None where every token is unknown."""
    return reading.score(oov_left_out=True) if reading.oov < reading.tokens else None


def _table(numbers: dict[str, Any]) -> str:
    rows = []
    for name, what in (("perplexity", "interval"), ("perplexity_excluding_oovs", "interval_excluding_oovs")):
        value, interval = numbers[name], numbers[what]
        if value is None and name == "perplexity":
            rows.append([name, "infinite", ""])
        elif value is not None:
            span = f"{_shown(interval[0])} to {_shown(interval[1])}" if interval else ""
            rows.append([name.replace("_", " "), _shown(value), span])
    for name in ("nats_per_token", "bits_per_character"):
        rows += [[name.replace("_", " "), f"{numbers[name]:.4f}", ""]] if numbers[name] is not None else []
    for name in ("tokens", "oovs", "impossible", "rows", "lines_dropped"):
        rows.append([name.replace("_", " "), f"{numbers[name]:,}", ""])
    signature = "\n".join(f"{name}: {value}" for name, value in numbers["signature"].items())
    return f"{aligned(['', '', '95 % of resamples'], rows)}\n\n{signature}"


def _rows(reading: "TokenScores", distribution: bool) -> Iterator[dict[str, Any]]:
    for number, part in enumerate(reading.rows(), 1):
        known = ~reading.unknown[part]
        paid, foreseen = reading.log_probs[part], reading.log_probs[part][known]
        row = {"sentence": number, "nats": finite(-float(paid.sum())), "tokens": len(paid), "oovs": int((~known).sum())}
        if distribution:
            row["perplexity"] = _exp(-float(paid.mean()))
            row["perplexity_excluding_oovs"] = _exp(-float(foreseen.mean())) if len(foreseen) else None
        yield row


def _words(reading: "TokenScores", pieces: Iterator[str]) -> Iterator[dict[str, Any]]:
    for number, row in enumerate(reading.rows(), 1):
        words = islice(pieces, row.stop - row.start)
        for word, paid, unknown in zip(words, reading.log_probs[row].tolist(), reading.unknown[row].tolist()):
            yield {
                "sentence": number,
                "word": word,
                "log10": finite(paid / math.log(10)),
                "nats": finite(-paid),
                "unknown": unknown,
            }


def _shown(perplexity: float) -> str:
    return f"{perplexity:.3f}" if perplexity < 1e9 else f"{perplexity:.3e}"


def _exp(nats: float) -> float | None:
    return math.exp(nats) if nats < 709 else None  # e^709 is the largest float64


def finite(number: float) -> float | None:
    """None for what JSON has no number for."""
    return number if math.isfinite(number) else None

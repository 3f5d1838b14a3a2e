"""evaluate: models scored on the same text; numbers that do not mean the same are refused."""

import contextlib
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ostinato.cli.table import aligned
from ostinato.errors import ComparisonError, ConfigError

if TYPE_CHECKING:
    from ostinato.data import DataSplits
    from ostinato.metrics import Score

SHOWN = ("bits_per_character", "nats_per_character", "perplexity")


def evaluate(
    runs: Annotated[list[Path], typer.Argument(help="Runs, bundles, n-gram files or mixtures.", show_default=False)],
    text: Annotated[Path | None, typer.Option(help="Score on this whole file instead of a run's own data.")] = None,
    split: Annotated[str | None, typer.Option(help="Score on this split of a run's own data; default valid.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
) -> None:
    """Score models side by side, on the same text.

    Numbers that do not mean the same are refused. N-gram files and mixtures have no data of their own: without --text
    they are scored on the data of the first run.
    """
    from ostinato.bundle import Bundle
    from ostinato.training import standard

    if text is not None and split is not None:
        raise ConfigError("--split: --text is scored as a whole file; leave one of them out")
    twice = [str(run) for run in runs if runs.count(run) > 1]
    if twice:
        raise ConfigError(f"{twice[0]}: it is given twice; give each model once")
    split = split or "valid"
    scores_of: dict[Path, list[Score]] = {}
    data: Mapping[str, Any] | None = None
    with tempfile.TemporaryDirectory() as folder:
        for number, run in enumerate(sorted(runs, key=Path.is_file)):  # runs first: they have data
            with contextlib.closing(standard()) as progress:
                bundle = None if run.is_file() else Bundle.load(run)
                if bundle is None and data is None and text is None:
                    raise ConfigError(f"--text: {run} has no data of its own; give a text to score it on")
                own = bundle.recipe["data"] if bundle else data
                data = data or own
                corpora = _corpora(own or {}, text, split, Path(folder, str(number)), progress.stage)
                if bundle is None:
                    scores_of[run] = _read(run, corpora, split, progress.stage)
                else:
                    bundle.task.prepare(corpora)
                    report = partial(progress.stage, f"evaluate {run}")
                    scores_of[run] = bundle.task.evaluate(bundle.model, split, report)
    agreeing = _comparable({str(run): scores_of[run] for run in runs})
    if as_json:
        print(json.dumps({run: as_object(scores) for run, scores in agreeing.items()}, indent=2, ensure_ascii=False))
    else:
        print(tabled(agreeing))


def _read(path: Path, corpora: "DataSplits[Any]", split: str, progress: Any) -> "list[Score]":
    """The scores of an n-gram file or a mixture: the same that a run's task computes."""
    from ostinato.data import Text
    from ostinato.open_scorer import open_scorer

    text = corpora.splits.get(split)
    if not isinstance(text, Text):
        have = ", ".join(corpora.splits)
        raise ConfigError(f"{path}: it scores a text, and split '{split}' is not one (there is {have}); give --text")
    reading = open_scorer(path, progress).read(text, progress)
    if reading.meaning.corpus != text.sha256:
        print(
            f"{path}: it reads words with single spaces between them and skips empty lines; {text.path} has other "
            "spaces or empty lines, so its numbers are of another text",
            file=sys.stderr,
        )
    return reading.scores()


def _corpora(data: Mapping[str, Any], text: Path | None, split: str, folder: Path, progress: Any) -> "DataSplits[Any]":
    """What to score on: the run's own data, or all of a file under the split's name."""
    from ostinato.data import DataSplits, data_sources

    if text is None:
        return data_sources.build(data, at="data", folder=folder, progress=progress)
    table = {"name": "text", "text": str(text), "valid": 0.0}
    whole = data_sources.build(table, at="--text", folder=folder, progress=progress)
    return DataSplits({split: whole.splits["train"]}, folder, progress)


def _comparable(scores_of: "Mapping[str, Sequence[Score]]") -> "dict[str, list[Score]]":
    """The scores of each run that mean the same in all of them. Raises ComparisonError where not even the first
    does."""
    from ostinato.metrics import comparable

    first, *others = scores_of.values()
    agreeing: dict[str, list[Score]] = {run: [] for run in scores_of}
    for place, score in enumerate(first):
        try:
            for other in others:
                comparable(score, other[place])
        except ComparisonError as error:
            if place == 0:
                raise
            print(f"{score.name}: left out; {error}", file=sys.stderr)
            continue
        for run, scores in scores_of.items():
            agreeing[run].append(scores[place])
    return agreeing


def tabled(scores_of: "Mapping[str, Sequence[Score]]", corner: str = "") -> str:
    """One row a model, one column a metric, the best model first."""
    first = next(iter(scores_of.values()))
    places = [place for place, score in enumerate(first) if score.name in SHOWN] or list(range(len(first)))
    sign = -1 if first[0].better == "higher" else 1
    ranked = sorted(scores_of.items(), key=lambda item: sign * item[1][0].value)
    header = [corner, *(first[place].name.replace("_", " ") for place in places)]
    return aligned(header, [[name, *(f"{scores[place].value:.3f}" for place in places)] for name, scores in ranked])


def as_object(scores: "Sequence[Score]") -> dict[str, Any]:
    """Every score by its name, with what it means."""
    return {
        score.name: {
            "value": score.value,
            "unit": score.unit,
            "interval": score.interval,
            "signature": score.signature.parts(),
        }
        for score in scores
    }

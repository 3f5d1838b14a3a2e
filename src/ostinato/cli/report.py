"""report: one page of HTML about training runs."""

import contextlib
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ostinato.errors import ConfigError

if TYPE_CHECKING:
    from ostinato.report import Subject

NAME = "report.html"


def report(
    runs: Annotated[list[Path], typer.Argument(help="Training runs or bundles.", show_default=False)],
    out: Annotated[
        Path | None,
        typer.Option(help="The page's file; report.html in the run's folder, or here for several runs."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of the page's path.")] = False,
) -> None:
    """Write one HTML page about training runs.

    It shows scores and baselines, samples, curves, recipes and their differences, in a single file without scripts. A
    run may still be in training.
    """
    from ostinato.files import replacing
    from ostinato.report import page, subjects
    from ostinato.training import standard

    file = out or (runs[0] / NAME if len(runs) == 1 else Path(NAME))
    if file.is_dir():
        raise ConfigError(f"--out {file}: it is a folder; name a file in it")
    read: list[Subject] = []
    with contextlib.closing(standard()) as progress:
        for subject in subjects(runs):
            read.append(subject)
            progress.stage("read the runs", len(read), len(runs))
        html = page(read, time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()), progress.stage)
    with replacing(file) as writing:
        writing.write(html.encode())
    print(json.dumps(_as_object(read, file), indent=2, ensure_ascii=False) if as_json else file)


def _as_object(subjects: "list[Subject]", file: Path) -> dict[str, Any]:
    from ostinato.report import differences
    from ostinato.training.run_state import plain

    runs = {}
    for subject in subjects:
        best = subject.history.best
        runs[subject.name] = {
            "path": str(subject.path),
            "state": subject.state,
            "parameters": subject.parameters,
            "steps": subject.history.steps,
            "seconds": subject.history.seconds,
            "best": None if best is None else {"step": best.step, "split": best.split, "scores": plain(best.scores)},
            "baselines": {each.name: plain(each.scores) for each in subject.history.baselines},
            "sample": subject.sample.text or [asdict(row) for row in subject.sample.rows],
            "notes": list(subject.history.notes),
            "unfinished_lines": subject.history.unfinished,
            "warnings": list(subject.warnings),
            "versions": dict(subject.versions),
            "recipe": dict(subject.recipe),
        }
    differ = {key: dict(zip(runs, values)) for key, values in differences(subjects).items()}
    return {"page": str(file), "runs": runs, "differences": differ}

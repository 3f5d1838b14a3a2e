"""report: training runs as one page of HTML."""

import contextlib
import json
import time
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
        typer.Option(help="The page (report.html: in the run's folder, or, of several runs, in this one)."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The facts as one JSON object instead of the path.")] = False,
) -> None:
    """Write runs as one page: curves, scores, what differs, recipes.

    The page is a single file with no script in it. Runs that are still in training may be among them.
    """
    from ostinato.files import replacing
    from ostinato.report import page, subjects
    from ostinato.training import standard

    file = out or (runs[0] / NAME if len(runs) == 1 else Path(NAME))
    if file.is_dir():
        raise ConfigError(f"--out {file}: it is a folder; name a file in it")
    found: list[Subject] = []
    with contextlib.closing(standard()) as progress:
        for subject in subjects(runs):
            found.append(subject)
            progress.stage("read the runs", len(found), len(runs))
        html = page(found, time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()), progress.stage)
    with replacing(file) as writing:
        writing.write(html.encode())
    print(json.dumps(_as_object(found, file), indent=2, ensure_ascii=False) if as_json else file)


def _as_object(found: "list[Subject]", file: Path) -> dict[str, Any]:
    from ostinato.report import differences
    from ostinato.training.run_state import plain

    runs = {}
    for subject in found:
        best = subject.history.best
        runs[subject.name] = {
            "path": str(subject.path),
            "state": subject.state,
            "parameters": subject.parameters,
            "steps": subject.history.steps,
            "seconds": subject.history.seconds,
            "best": None if best is None else {"step": best.step, "split": best.split, "scores": plain(best.scores)},
            "notes": list(subject.history.notes),
            "unfinished_lines": subject.history.unfinished,
            "warnings": list(subject.warnings),
            "versions": dict(subject.versions),
            "recipe": dict(subject.recipe),
        }
    differ = {key: dict(zip(runs, values)) for key, values in differences(found).items()}
    return {"page": str(file), "runs": runs, "differences": differ}

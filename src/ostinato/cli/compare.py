"""compare: several models on one task, under one budget, with several seeds."""

import contextlib
import json
import os
import shlex
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ostinato.cli.table import aligned
from ostinato.errors import ConfigError
from ostinato.recipe_catalog import recipe_path

if TYPE_CHECKING:
    from ostinato.compare import Outcome
    from ostinato.training import Progress


def compare(
    comparison: Annotated[
        str, typer.Argument(help="A comparison's name (`ostinato recipes`) or .toml file.", show_default=False)
    ],
    changes: Annotated[
        list[str] | None, typer.Option("--set", metavar="A.B=VALUE", help="Change a value of the file; repeatable.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The folder of the runs; runs/compare/FILE.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Delete the runs in the folder and start again.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Write the curves to this .svg, .png or .pdf file.")] = None,
    page: Annotated[Path | None, typer.Option(help="Write the results to this Markdown file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")] = False,
) -> None:
    """Train several models and compare their scores.

    All have one task and one budget, and are trained with several seeds; the scores are those of the test split. The
    same command continues after an interruption; runs that have ended are not repeated.
    """
    _can_be_written(plot=plot, page=page)
    file = recipe_path(comparison, "compare")
    folder = out or Path("runs", "compare", file.stem)
    outcome = _outcome(file, changes or (), folder, fresh, plot)
    print(json.dumps(outcome.as_object(), indent=2, ensure_ascii=False) if as_json else _text(outcome))
    if plot is not None:
        from ostinato.compare.curves import curves

        curves(outcome).draw(plot)
        print(f"written: {plot}", file=sys.stderr)
    if page is not None:
        page.write_text(_page(outcome, comparison, changes or (), out, plot, page), "utf-8")
        print(f"written: {page}", file=sys.stderr)


def _outcome(file: Path, changes: Sequence[str], folder: Path, fresh: bool, plot: Path | None) -> "Outcome":
    from ostinato.compare import load, outcome, plan, runs
    from ostinato.training import standard

    comparison = load(file, changes)
    if plot is not None:
        from ostinato.compare.curves import check_drawable

        check_drawable(comparison, plot)
    progress: Progress
    with contextlib.closing(standard()) as progress, tempfile.TemporaryDirectory() as scratch:
        contestants = plan(comparison, Path(scratch), progress.stage)
        return outcome(comparison, runs(comparison, contestants, folder, progress, fresh=fresh))


def _text(outcome: "Outcome") -> str:
    from ostinato.compare import tables
    from ostinato.compare.tables import texts

    parts = ["\n".join(texts(outcome))]
    parts += [aligned(table.header, table.lines, words=range(table.words)) for table in tables(outcome)]
    return "\n\n".join(parts)


def _page(
    outcome: "Outcome", name: str, changes: Sequence[str], out: Path | None, plot: Path | None, page: Path
) -> str:
    import torch

    from ostinato.bench import Machine
    from ostinato.compare import page as written

    words = ["ostinato", "compare", name, *(word for change in changes for word in ("--set", change))]
    for option, path in (("--out", out), ("--plot", plot), ("--page", page)):
        words += [option, str(path)] if path is not None else []
    here = Machine.here()
    machine = {
        "CPU": f"{here.cpu}, {here.cores} cores for this process, {here.memory_gib:.0f} GiB",
        "instruction set of the kernels": here.instruction_set,
        "system": here.system,
        "versions": ", ".join(f"{name} {version}" for name, version in here.versions.items()),
        "threads": str(torch.get_num_threads()),
    }
    figure = None if plot is None else os.path.relpath(plot, page.parent)
    date = time.strftime("%Y-%m-%d", time.gmtime())
    source = recipe_path(name, "compare").read_text("utf-8")
    return written(outcome, shlex.join(words), date, machine, source, figure)


def _can_be_written(**paths: Path | None) -> None:
    """Raises ConfigError where a file cannot be written, before minutes of training."""
    for option, path in paths.items():
        if path is not None and path.is_dir():
            raise ConfigError(f"--{option}: {path} is a folder; name a file in it")
        if path is not None and not path.parent.is_dir():
            raise ConfigError(f"--{option}: there is no folder {path.parent}; create it first, or name another")

"""train: a recipe becomes a bundle, and its score stands beside the baselines."""

import json
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from ostinato.cli import options as listing
from ostinato.cli.evaluate import as_object, tabled
from ostinato.recipe_catalog import recipe_path


def train(
    recipe: Annotated[
        str, typer.Argument(help="A recipe's name (`ostinato recipes`) or .toml file.", show_default=False)
    ],
    changes: Annotated[
        list[str] | None, typer.Option("--set", metavar="A.B=VALUE", help="Change a value of the recipe; repeatable.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The run's folder; default runs/NAME.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Delete the run that is there first.")] = False,
    options: Annotated[
        bool,
        typer.Option("--options", help="Print every key of the recipe and stop: value, type, purpose."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
) -> None:
    """Train what a recipe says. The same command resumes a run that was stopped."""
    from ostinato.recipe import load, options_in_use
    from ostinato.training import Settings, fit, standard

    checked = load(recipe, changes or (), Settings)
    if options:
        keys = options_in_use(checked, Settings)
        print(listing.as_json(keys) if as_json else listing.as_lines(keys))
        return
    out = out or Path("runs", recipe_path(recipe).stem)
    fitted = fit(checked, out, standard(), fresh=fresh)
    seconds, baselines = fitted.seconds, fitted.baselines
    if as_json:
        result = {
            "run": str(out),
            "steps": fitted.steps,
            "stopped": fitted.stopped,
            "seconds": seconds,
            "parameters": fitted.bundle.parameters(),
            "scores": as_object(fitted.scores),
            "baselines": {name: as_object(scores) for name, scores in baselines.items()},
        }
        print(json.dumps(result, indent=2, ensure_ascii=False))
    else:
        print(tabled({"this model": fitted.scores, **baselines}, corner="on held-out text"))
        early = ", stopped early" if fitted.stopped == "early" else ""
        size = f"{fitted.bundle.parameters():,} parameters"
        print(f"\n{size} · {fitted.steps:,} steps in {seconds:,.0f} s{early} · {out}")
    if checked.task.name == "language":
        hints = [f'generate {out} --prompt "The " --stream', f"stream {out}", f"evaluate {out} --text YOUR_FILE"]
    else:
        hints = [f"evaluate {out} --split valid", f"info {out}"]
    print("\nNext:  " + "\n       ".join(f"{_command()} {hint}" for hint in hints), file=sys.stderr)


def _command() -> str:
    """How this program is called from where the user stands."""
    if shutil.which("ostinato"):
        return "ostinato"
    return sys.argv[0] if Path(sys.argv[0]).name == "ostinato" else "python -m ostinato"

"""train: a recipe becomes a bundle, and its score stands beside what can be said without memory."""

import contextlib
import json
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from ostinato.cli.evaluate import as_object, tabled
from ostinato.cli.info import history


def train(
    recipe: Annotated[Path, typer.Argument(help="A recipe's .toml file.", show_default=False)],
    changes: Annotated[
        list[str] | None, typer.Option("--set", metavar="A.B=VALUE", help="Change a value of the recipe; repeatable.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The run's folder (runs/ and the recipe's name).")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Delete the run that is there, instead of going on.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")] = False,
) -> None:
    """Train what a recipe says. The same command goes on where a stopped run stood."""
    from ostinato.recipe import load
    from ostinato.training import Settings, fit, standard

    chosen = load(recipe, changes or (), Settings)
    out = out or Path("runs", recipe.stem)
    fitted = fit(chosen, out, standard(), fresh=fresh)
    with contextlib.closing(standard()) as progress:
        fitted.bundle.task.prepare(chosen.data.build(folder=out / "data", progress=progress.stage))
        baselines = fitted.bundle.task.baselines("valid")
    seconds = max((row["seconds"] for row in history(out) if "seconds" in row), default=0.0)
    if as_json:
        found = {
            "run": str(out),
            "steps": fitted.steps,
            "stopped": fitted.stopped,
            "seconds": seconds,
            "parameters": fitted.bundle.parameters(),
            "scores": as_object(fitted.scores),
            "baselines": {name: as_object(scores) for name, scores in baselines.items()},
        }
        print(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        print(tabled({"this model": fitted.scores, **baselines}, corner="on held-out text"))
        early = ", stopped early" if fitted.stopped == "early" else ""
        size = f"{fitted.bundle.parameters():,} parameters"
        print(f"\n{size} · {fitted.steps:,} steps in {seconds:,.0f} s{early} · {out}")
    if chosen.task.name == "language":
        hints = [f'generate {out} --prompt "The " --stream', f"stream {out}", f"evaluate {out} --text YOUR_FILE"]
    else:
        hints = [f"evaluate {out} --split valid", f"info {out}"]
    print("\nNext:  " + "\n       ".join(f"{_command()} {hint}" for hint in hints), file=sys.stderr)


def _command() -> str:
    """How this program is called from where the user stands."""
    if shutil.which("ostinato"):
        return "ostinato"
    return sys.argv[0] if Path(sys.argv[0]).name == "ostinato" else "python -m ostinato"

"""info: what a run or a bundle is: task, model, size, scores, recipe."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer


def info(
    run: Annotated[Path, typer.Argument(help="A run's or a bundle's folder.", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
) -> None:
    """Print what a trained model is: task, model, size, scores, recipe."""
    from ostinato.bundle import Bundle
    from ostinato.recipe import toml

    bundle = Bundle.load(run)
    scores = _scores(run)
    facts: dict[str, Any] = {
        "path": str(run),
        "task": bundle.recipe["task"]["name"],
        "model": bundle.recipe["model"]["name"],
        "parameters": bundle.parameters(),
        "size_bytes": sum(map(len, bundle.files().values())),
        "streams": getattr(bundle.model, "latency", None) is not None,
        "scores": scores,
        "recipe": bundle.recipe,
    }
    if as_json:
        print(json.dumps(facts, indent=2, ensure_ascii=False))
        return
    print(f"task        {facts['task']}\nmodel       {facts['model']} ({type(bundle.model).__name__})")
    print(f"parameters  {facts['parameters']:,}\nsize        {facts['size_bytes'] / 1e6:,.1f} MB")
    print(f"streams     {'yes, one element at a time' if facts['streams'] else 'no, it needs the whole sequence'}")
    for name, score in scores.items():
        print(f"{'scores' if name == next(iter(scores)) else '':<12}{score['value']:.3f} {score['unit']}")
    print(f"\n{toml(bundle.recipe)}")


def history(run: Path) -> Iterator[dict[str, Any]]:
    """The rows of a run's metrics.jsonl; none for a bundle without a run."""
    path = run / "metrics.jsonl"
    if path.is_file():
        with open(path, "rb") as file:
            for line in file:
                if line.endswith(b"\n"):  # the last one may be half-written
                    yield json.loads(line)


def _scores(run: Path) -> dict[str, dict[str, Any]]:
    """Of the best model so far."""
    best = [row for row in history(run) if row["kind"] == "scores" and row["best"]]
    return {score["name"]: score for score in best[-1]["scores"]} if best else {}

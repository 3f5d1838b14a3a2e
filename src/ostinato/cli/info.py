"""info: what a run or a bundle is: task, model, size, scores, recipe."""

import json
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


def _scores(run: Path) -> dict[str, dict[str, Any]]:
    """Of the best model so far."""
    from ostinato.training.log import rows_of

    best = [row for row in rows_of(run) if row["kind"] == "final" or (row["kind"] == "scores" and row["best"])]
    return {score["name"]: score for score in best[-1]["scores"]} if best else {}

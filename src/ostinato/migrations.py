"""Migrations: how a bundle of an older schema becomes one of the next."""

import json
from collections.abc import Callable, Mapping
from typing import Any

Files = dict[str, bytes]

NAMES_1 = {"task": {"probe": "synthetic"}, "model": {"probe": "sequence"}}
LAYERS_1 = {"bag": "mean_pooling"}
KEYS_1 = {
    "dropout": {"share": "p"},
    "full": {"smoothing": "label_smoothing"},
    "adamw": {"rate": "learning_rate", "decay": "weight_decay"},
    "sgd": {"rate": "learning_rate", "decay": "weight_decay"},
    "rmsprop": {"rate": "learning_rate", "decay": "weight_decay", "smoothing": "alpha"},
}


def from_1(files: Files) -> Files:
    """Schema 1 to 2: recipe keys and names as of 2026 (`train.rows` became `train.batch_size`, and so on)."""
    new = dict(files)
    for name in ("config.json", "training.json"):
        if name in files:
            whole = json.loads(files[name])
            whole["recipe"] = recipe_from_1(whole["recipe"])
            if name == "config.json":
                whole["model_type"] = whole["recipe"]["model"]["name"]
            else:
                whole["run"] = _run_from_1(whole["run"])
            new[name] = json.dumps(whole, indent=2).encode()
    return new


def recipe_from_1(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The recipe of a bundle of schema 1 in the words of schema 2."""
    new = {section: _table(table) for section, table in recipe.items()}
    for section, names in NAMES_1.items():
        if section in new:
            new[section]["name"] = names.get(new[section].get("name"), new[section].get("name"))
    if new.get("task", {}).get("name") == "language":
        new["task"] = _renamed(new["task"], {"steps": "bptt_steps"})
    if "train" in new:
        new["train"] = _renamed(new["train"], {"rows": "batch_size", "ema": "ema_decay"})
    return new


def _run_from_1(run: Mapping[str, Any]) -> dict[str, Any]:
    best = run["best"]
    return {
        **run,
        "window": _renamed(run["window"], {"nats": "loss", "tokens": "count"}),
        "best": None if best is None else {**best, "selected": best["scores"][0]},
    }


def _table(value: Any) -> Any:
    if isinstance(value, list):
        return [_table(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    new = {key: _table(item) for key, item in value.items()}
    name = new.get("name")
    if isinstance(name, str):
        new["name"] = LAYERS_1.get(name, name)
        new = _renamed(new, KEYS_1.get(name, {}))
    return new


def _renamed(table: Mapping[str, Any], keys: Mapping[str, str]) -> dict[str, Any]:
    return {keys.get(key, key): value for key, value in table.items()}


MIGRATIONS: dict[int, Callable[[Files], Files]] = {1: from_1}
"""From schema n to n + 1: takes all files of a bundle and gives them as the next schema has them."""

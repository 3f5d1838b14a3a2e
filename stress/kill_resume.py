"""Kill a training run with SIGKILL at random moments, start it again each time, and compare with one left in peace.

    python stress/kill_resume.py --kills 100

A small character language model is trained in a child process that writes a checkpoint every few steps. Counted are
runs that could not be read afterwards, and curves (metrics.jsonl but for its clock readings) and weights (sha256) that
differ from those of the run that nobody killed. Exit status 1 if there is any.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import torch

from ostinato.recipe import Recipe, check
from ostinato.training import Settings, Silent, fit
from ostinato.training.progress import TrainingView

STEPS = 60
COUNTED = ("kills", "kills_inside_a_save", "runs", "unreadable_runs", "other_curves", "other_weights")
CLOCK = ("seconds", "tokens_a_second")


def recipe_for(text: Path) -> Recipe[Settings]:
    """Dropout, carried state, averaged weights: all that a checkpoint must hold to make no difference."""
    return check(
        {
            "task": {"name": "language", "bptt_steps": 8},
            "data": {"name": "text", "text": str(text), "valid": 0.2},
            "model": {"name": "language", "embedding": 8, "dropout": 0.1, "cell": {"name": "lstm", "hidden": 16}},
            "train": {
                "batch_size": 4,
                "steps": STEPS,
                "evaluate_every": 15,
                "checkpoint_every": 1,
                "log_every": 1,
                "ema_decay": 0.9,
            },
        },
        Settings,
        "kill_resume",
    )


class Told(Silent):
    """Says through a pipe when the first step was done."""

    def __init__(self, pipe: int):
        super().__init__()
        self._pipe: int | None = pipe

    def training(self, view: TrainingView) -> None:
        if self._pipe is not None:
            os.close(self._pipe)
            self._pipe = None


def apart(recipe: Recipe[Settings], out: Path) -> tuple[int, int]:
    """The id of a new process that trains, and a pipe that is at its end when its first step is done.

    Forked, so that it need not import everything again.
    """
    reading, writing = os.pipe()
    process = os.fork()
    if process:
        os.close(writing)
        return process, reading
    code = 1
    try:
        fit(recipe, out, Told(writing))
        code = 0
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
    finally:
        os._exit(code)


def outcome(out: Path) -> tuple[list[dict[str, object]], str]:
    """The curve and the weights."""
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    curve = [{key: value for key, value in row.items() if key not in CLOCK} for row in rows]
    return curve, hashlib.sha256((out / "model.safetensors").read_bytes()).hexdigest()


def peace_seconds(out: Path) -> float:
    """How long the steps took, with all that lies between them."""
    return max(json.loads(line)["seconds"] for line in (out / "metrics.jsonl").read_text().splitlines())


def campaign(folder: Path, kills: int, seed: int) -> dict[str, int]:
    """Kill until it was enough; a run that gets to its end is compared and a new one begun."""
    chance = random.Random(seed)
    text = folder / "text.txt"
    text.write_text(" ".join(chance.choice(["one", "two", "three", "ho", "hum"]) for _ in range(2000)))
    recipe = recipe_for(text)
    fit(recipe, folder / "peace", Silent())  # here, so that every child begins with all that it will ever import
    peace = outcome(folder / "peace")
    training_seconds = peace_seconds(folder / "peace")
    found = dict.fromkeys(COUNTED, 0)
    out = folder / "killed"
    while True:
        process, first_step = apart(recipe, out)
        if found["kills"] < kills:
            # One in five may come before the first step; the others wait for it.
            if chance.random() < 0.8:
                os.read(first_step, 1)
            time.sleep(chance.uniform(0, 0.5 * training_seconds))
            os.kill(process, signal.SIGKILL)
        os.close(first_step)
        status = os.waitpid(process, 0)[1]
        if os.WIFSIGNALED(status):
            found["kills"] += 1
            # What a save has not finished with is in a hidden folder: files to come, or ones that are going.
            left = [*(out / "checkpoints").glob(".step-*"), *folder.glob(".killed.tmp-*")]
            found["kills_inside_a_save"] += bool(left)
            continue
        found["runs"] += 1
        if status:
            found["unreadable_runs"] += 1
        else:
            curve, weights = outcome(out)
            found["other_curves"] += curve != peace[0]
            found["other_weights"] += weights != peace[1]
        shutil.rmtree(out)
        if found["kills"] >= kills:
            return found


def main() -> int:
    """Print what was found; 0 if no kill changed anything."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(1)  # and so no thread that a fork would lose
    with tempfile.TemporaryDirectory() as folder:
        found = campaign(Path(folder), options.kills, options.seed)
    for label, count in found.items():
        print(f"{label.replace('_', ' '):>20}  {count}")
    return int(bool(found["unreadable_runs"] or found["other_curves"] or found["other_weights"]))


if __name__ == "__main__":
    sys.exit(main())

"""Kill a training run with SIGKILL at random moments, start it again each time, and compare with one left in peace.

    python bench/kill_resume.py --kills 100

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
from collections.abc import Callable
from pathlib import Path

import torch

from ostinato.models import models
from ostinato.recipe import Recipe, check
from ostinato.tasks import tasks
from ostinato.train import Settings, Silent, fit

STEPS = 60
CLOCK = ("seconds", "tokens_a_second")


def recipe_for(text: Path) -> Recipe[Settings]:
    """Dropout, carried state, averaged weights: all that a checkpoint must hold to make no difference."""
    return check(
        {
            "task": {"name": "language", "steps": 8},
            "data": {"name": "text", "text": str(text), "valid": 0.2},
            "model": {"name": "language", "embedding": 8, "dropout": 0.1, "cell": {"name": "lstm", "hidden": 16}},
            "train": {"rows": 4, "steps": STEPS, "evaluate_every": 15, "checkpoint_every": 3, "log_every": 1, "ema": 0.9},
        },
        Settings,
        "kill_resume",
    )


def apart(work: Callable[[], object]) -> int:
    """The id of a new process that does `work`. Forked, so that it need not import everything again."""
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        torch.set_num_threads(1)
        work()
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


def campaign(folder: Path, kills: int, seed: int) -> dict[str, int]:
    """Kill until it was enough; a run that gets to its end is compared and a new one begun."""
    chance = random.Random(seed)
    text = folder / "text.txt"
    text.write_text(" ".join(chance.choice(["one", "two", "three", "ho", "hum"]) for _ in range(2000)))
    recipe = recipe_for(text)
    started = time.monotonic()
    if os.waitpid(apart(lambda: fit(recipe, folder / "peace", Silent())), 0)[1]:
        raise SystemExit("kill_resume: the run that nobody killed failed, so there is nothing to compare with")
    longest = (time.monotonic() - started) * 1.1
    peace = outcome(folder / "peace")
    found = {"kills": 0, "kills_inside_a_save": 0, "runs": 0, "unreadable_runs": 0, "other_curves": 0, "other_weights": 0}
    out = folder / "killed"
    while True:
        process = apart(lambda: fit(recipe, out, Silent()))
        if found["kills"] < kills:
            time.sleep(chance.uniform(0, longest))
            os.kill(process, signal.SIGKILL)
        status = os.waitpid(process, 0)[1]
        if os.WIFSIGNALED(status):
            found["kills"] += 1
            # What a save has not finished with is in a hidden folder: files to come, or ones that are going.
            found["kills_inside_a_save"] += any((out / "checkpoints").glob(".step-*")) or any(folder.glob(".killed.tmp-*"))
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
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    tasks.names(), models.names()  # every registry is filled before the first fork
    with tempfile.TemporaryDirectory() as folder:
        found = campaign(Path(folder), options.kills, options.seed)
    if options.json:
        print(json.dumps(found))
    else:
        for name, count in found.items():
            print(f"{name.replace('_', ' '):>20}  {count}")
    return int(bool(found["unreadable_runs"] or found["other_curves"] or found["other_weights"]))


if __name__ == "__main__":
    sys.exit(main())

"""Checkpoint: a bundle, and beside it what training needs to go on as if nothing had happened.

checkpoints/step-00001234/
    config.json, model.safetensors, tokenizer.json, …    the bundle, as it would be saved if training ended here
    training.json            where the run stands, the recipe, the length of metrics.jsonl
    training.safetensors     optimizer, random numbers, carried state, unaveraged weights
    ostinato.json            the sha256 of each file, written last
"""

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from ostinato.bundle_folder import read_folder, write_folder
from ostinato.errors import BundleError

FORMAT = 1
GENERATIONS = 2
"""How many checkpoints are kept besides the best one."""

TABLE, TENSORS = "training.json", "training.safetensors"


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that was read and verified: the files of the `bundle`, and the trainer's own two (`training`, and
    `tensors` [...] by name)."""

    path: Path
    bundle: dict[str, bytes]
    training: dict[str, Any]
    tensors: dict[str, Tensor]

    @property
    def step(self) -> int:
        """How many steps had been done."""
        return int(self.training["run"]["step"])


def name_of(step: int) -> str:
    """The folder's name; names sort as steps do."""
    return f"step-{step:08d}"


def folders(out: Path) -> list[Path]:
    """Every checkpoint's folder, whole or not, the newest first."""
    return sorted((out / "checkpoints").glob("step-*"), key=lambda path: _order(path.name), reverse=True)


def write(out: Path, bundle: Mapping[str, bytes], training: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Path:
    """Writes a checkpoint atomically, `tensors` [...] by name, then removes those that are no longer needed.

    Raises ResourceError where the disk is full; the checkpoints before are then untouched.
    """
    folder = out / "checkpoints" / name_of(training["run"]["step"])
    table = json.dumps({"format": FORMAT, **training}, indent=1, allow_nan=False)
    whole = {name: tensor.detach().contiguous().clone() for name, tensor in tensors.items()}
    write_folder(folder, {**bundle, TABLE: table.encode(), TENSORS: safetensors.torch.save(whole)})
    _prune(out, training.get("best_checkpoint"))
    return folder


def read(folder: Path) -> Checkpoint:
    """Read and verify one. Raises BundleError saying which file and which check."""
    files = read_folder(folder)
    try:
        training = json.loads(files.pop(TABLE))
        tensors = safetensors.torch.load(files.pop(TENSORS))
    except KeyError as error:
        raise BundleError(f"{folder}: it has no {error}, so it is a bundle and no checkpoint; name a run") from error
    except (ValueError, SafetensorError) as error:
        raise BundleError(f"{folder}: it cannot be read ({error}); continue from another checkpoint") from error
    if training.get("format") != FORMAT:
        raise BundleError(
            f"{folder}: its format is {training.get('format')} and this version continues {FORMAT}; "
            "continue with the version that wrote it"
        )
    return Checkpoint(folder, files, training, tensors)


def newest(
    out: Path, say: Callable[[str], None], accept: Callable[[Checkpoint], bool] = lambda checkpoint: True
) -> Checkpoint | None:
    """The newest checkpoint that verifies and that `accept` takes; None where there is none. `say` gets a line for each
    one that is skipped, with the reason.

    Raises BundleError if there are checkpoints and none verifies.
    """
    paths = folders(out)
    for folder in paths:
        try:
            checkpoint = read(folder)
        except BundleError as error:
            say(f"skipped checkpoint {folder.name}: {error}")
            continue
        if accept(checkpoint):
            return checkpoint
    if paths:
        raise BundleError(f"{out}: none of its {len(paths)} checkpoints can be read; start again with --fresh")
    return None


def discard_after(out: Path, step: int) -> None:
    """Remove checkpoints of later steps: damaged ones that were skipped, or ones that training went back from."""
    for folder in folders(out):
        if _order(folder.name) > _order(name_of(step)):
            _remove(folder)


def sweep(out: Path) -> None:
    """Remove what a killed process left half-written or half-removed."""
    for left in [*(out / "checkpoints").glob(".step-*"), *out.parent.glob(f".{out.name}.tmp-*")]:
        shutil.rmtree(left, ignore_errors=True)


def _prune(out: Path, best: str | None) -> None:
    """Keep the best, the last two regular ones, and what is newer than these."""
    regular = 0
    for folder in folders(out):
        if regular >= GENERATIONS and folder.name != best:
            _remove(folder)
        with contextlib.suppress(OSError, ValueError, KeyError):
            regular += bool(json.loads((folder / TABLE).read_bytes())["regular"])


def _order(name: str) -> tuple[int, str]:
    return len(name), name  # beyond 99,999,999 steps a name is longer


def _remove(folder: Path) -> None:
    # Renamed first, so that a kill half-way leaves nothing under a checkpoint's name.
    doomed = folder.with_name(f".{folder.name}.tmp-{os.getpid()}")
    shutil.rmtree(doomed, ignore_errors=True)
    folder.rename(doomed)
    shutil.rmtree(doomed, ignore_errors=True)

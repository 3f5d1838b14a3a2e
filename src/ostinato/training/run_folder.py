"""RunFolder: the folder of one training run, held by one process at a time."""

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from ostinato.bundle_folder import MANIFEST
from ostinato.errors import ConfigError
from ostinato.files import FULL_DISK_ERRNOS
from ostinato.training.checkpoint import sweep

LOCK = "run.lock"
OWN = ("checkpoints", "metrics.jsonl", "metrics.csv", "scores.csv", "tensorboard")
"""What a run writes besides its bundle; prepared data in data/ outlives it."""


@contextlib.contextmanager
def held(out: Path, fresh: bool) -> Iterator[None]:
    """Inside the block the folder is this process's, and free of half-written things.

    `fresh` deletes the run in it. Raises ConfigError where the folder is something else, or in use.
    """
    if out.exists() and not out.is_dir():
        raise ConfigError(f"{out}: it is a file; name a folder with --out")
    if out.is_dir() and any(out.iterdir()) and not (out / LOCK).is_file():
        raise ConfigError(f"{out}: it holds other files and no training run; choose another --out")
    try:
        out.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(out / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        if error.errno in FULL_DISK_ERRNOS:
            raise
        raise ConfigError(f"{out}: it cannot be written ({error.strerror}); choose another --out") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise ConfigError(f"{out}: another process is training here; wait for it or choose another --out") from None
    try:
        sweep(out)
        if fresh:
            _delete(out)
        yield
    finally:
        os.close(descriptor)  # which also gives the lock back


def _delete(out: Path) -> None:
    try:
        bundle = list(json.loads((out / MANIFEST).read_bytes())["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        bundle = ["config.json", "model.safetensors", "README.md"]
    (out / MANIFEST).unlink(missing_ok=True)
    for name in [*OWN, *(name for name in bundle if Path(name).name == name)]:
        path = out / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)

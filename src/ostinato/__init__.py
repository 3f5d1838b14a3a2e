"""Ostinato: recurrent sequence models, trained, streamed one element at a time, and looked into."""

from importlib import import_module
from os import PathLike
from typing import TYPE_CHECKING, Any

from ostinato.version import __version__

if TYPE_CHECKING:
    from ostinato.bundle import Bundle
    from ostinato.nn import accelerate, restore
    from ostinato.padded import Padded
    from ostinato.stepping import stepper
    from ostinato.stream import Streamer
    from ostinato.training.run import Run, train

__all__ = ["Bundle", "Padded", "Run", "Streamer", "__version__", "accelerate", "load", "restore", "stepper", "train"]

_HOMES = {
    "Bundle": "ostinato.bundle",
    "Padded": "ostinato.padded",
    "Run": "ostinato.training.run",
    "Streamer": "ostinato.stream",
    "accelerate": "ostinato.nn",
    "restore": "ostinato.nn",
    "stepper": "ostinato.stepping",
    "train": "ostinato.training.run",
}


def load(path: "str | PathLike[str]") -> "Bundle":
    """A trained bundle, or the best model so far of a run. Raises BundleError where the folder holds neither, or is
    damaged."""
    from ostinato.bundle import Bundle

    return Bundle.load(path)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> Any:
    if name in _HOMES:  # imported when asked for: `ostinato --help` must not wait for torch
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'ostinato' has no attribute '{name}'")

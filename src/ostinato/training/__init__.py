"""Training: a recipe becomes a bundle, and nothing that happens to the process on the way changes which."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ostinato.training.fitting import Fitted, fit
    from ostinato.training.progress import Progress, Silent, standard
    from ostinato.training.run import Run, train
    from ostinato.training.settings import Settings
    from ostinato.training.signals import Interrupted

__all__ = ["Fitted", "Interrupted", "Progress", "Run", "Settings", "Silent", "fit", "standard", "train"]

_HOMES = {
    "Fitted": "fitting",
    "Interrupted": "signals",
    "Progress": "progress",
    "Run": "run",
    "Settings": "settings",
    "Silent": "progress",
    "fit": "fitting",
    "standard": "progress",
    "train": "run",
}


def __getattr__(name: str) -> Any:
    # Imported when asked for: a recipe needs the settings alone, and the loop needs recipes.
    if name in _HOMES:
        return getattr(import_module(f"ostinato.training.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'ostinato.training' has no attribute '{name}'")

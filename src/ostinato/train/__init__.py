"""Training: a recipe becomes a bundle, and nothing that happens to the process on the way changes which."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ostinato.train.interrupt import Interrupted
    from ostinato.train.loop import Fitted, fit
    from ostinato.train.progress import Progress, Silent, standard
    from ostinato.train.settings import Settings

__all__ = ["Fitted", "Interrupted", "Progress", "Settings", "Silent", "fit", "standard"]

_HOMES = {
    "Fitted": "loop",
    "Interrupted": "interrupt",
    "Progress": "progress",
    "Settings": "settings",
    "Silent": "progress",
    "fit": "loop",
    "standard": "progress",
}


def __getattr__(name: str) -> Any:
    # Imported when asked for: a recipe needs the settings alone, and the loop needs recipes.
    if name in _HOMES:
        return getattr(import_module(f"ostinato.train.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'ostinato.train' has no attribute '{name}'")

"""Progress: how long work tells a caller how far it has come."""

from collections.abc import Callable
from typing import TypeAlias

OnProgress: TypeAlias = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is in all (same unit as `done`)."""


def silent(what: str, done: int, total: int) -> None:
    """The OnProgress that reports nothing."""

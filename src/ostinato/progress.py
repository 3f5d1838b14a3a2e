"""Progress: how a long task reports how much of it is done."""

from collections.abc import Callable
from typing import TypeAlias

OnProgress: TypeAlias = Callable[[str, int, int], None]
"""Called with a description of the work, how much is done, and how much there is in all (in the unit of `done`)."""


def silent(what: str, done: int, total: int) -> None:
    """The OnProgress that reports nothing."""

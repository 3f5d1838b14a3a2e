"""Sources: where examples come from; each gives Corpora."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from ostinato.registry import Registry

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with what is being done, and how much of it is done of how much in all."""


def quiet(what: str, done: int, total: int) -> None:
    """The Progress that tells nobody."""


@dataclass(frozen=True)
class Corpora:
    """The splits of a data set by name: `train`, and `valid` and `test` where there are such.

    `folder` is where files derived from it go; `progress` is told of long work.
    """

    splits: dict[str, Any]
    folder: Path
    progress: Progress = field(default=quiet, compare=False)


sources: Registry[Corpora] = Registry(Corpora, "source", "ostinato.data")
register = sources.register

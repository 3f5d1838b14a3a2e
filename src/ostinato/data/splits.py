"""DataSplits: a data set cut into train, valid and test; and the registry of the sources that give one."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from ostinato.progress import OnProgress, silent
from ostinato.registry import Registry

S = TypeVar("S")


@dataclass(frozen=True)
class DataSplits(Generic[S]):
    """The splits of a data set by name: `train`, and `valid` and `test` where they exist.

    A split is a `Text`, or examples by number (`Rows`, `Generated`). Files that are derived from them go to `folder`;
    `progress` is called during long work.
    """

    splits: dict[str, S]
    folder: Path
    progress: OnProgress = field(default=silent, compare=False)


data_sources: Registry[DataSplits[Any]] = Registry(DataSplits, "source", "ostinato.data.sources")
register = data_sources.register

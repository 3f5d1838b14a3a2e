"""Example, TokenWindow and Batches: what a task is fed, reachable by epoch and index alone."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from ostinato.errors import ConfigError
from ostinato.text.tokenizers import Ids


@runtime_checkable
class Example(Protocol):
    """Anything that says where it came from."""

    @property
    def key(self) -> str:
        """Where it came from (`file:line`), for errors and reports."""


class TokenWindow(NamedTuple):
    """A stretch of a token stream.

    `tokens` [T + 1] are T inputs and the token behind them, so T predictions; a row that has ended has one token or
    none. `continues` says that the window goes on where the same row of the batch before stopped.
    """

    tokens: Ids
    key: str
    continues: bool


@runtime_checkable
class Batches(Protocol):
    """Every batch of every epoch, by number: where training stands is two integers."""

    def __len__(self) -> int:
        """The number of batches in an epoch; every epoch has as many."""

    def batch(self, epoch: int, index: int) -> Sequence[Example]:
        """Batch `index` of epoch `epoch`, both from 0. Raises IndexError where an epoch has no such batch."""


def require_batchable(count: int, batch_size: int | None, seed: int | None) -> None:
    """Raises ConfigError where no batches can be made of `count` examples with these settings."""
    if batch_size is not None and batch_size < 1:
        raise ConfigError(f"batching: a batch of {batch_size} rows holds nothing; make it at least 1")
    if seed is not None and seed < 0:
        raise ConfigError(f"batching: the seed {seed} is negative; choose one from 0 on")
    if not count:
        raise ConfigError("batching: there is no example to batch; name data that has some")

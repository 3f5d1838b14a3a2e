"""Example, Window and Batches: what a task is fed, reachable by epoch and index alone."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from ostinato.text.tokenizers import Ids


@runtime_checkable
class Example(Protocol):
    """Anything that says where it came from."""

    @property
    def key(self) -> str:
        """Where it came from, for errors and reports."""


class TokenWindow(NamedTuple):
    """A stretch of a token stream.

    `tokens` [T + 1] are T inputs and the one after, so T predictions; a row that has ended has one token or none.
    `continues` says that it goes on where the same row of the batch before stopped.
    """

    tokens: Ids
    key: str
    continues: bool


@runtime_checkable
class Batches(Protocol):
    """Every batch of every epoch, by number: where training stands is two integers."""

    rows: int

    def __len__(self) -> int:
        """How many batches an epoch has."""

    def batch(self, epoch: int, index: int) -> Sequence[Example]:
        """Batch `index` of epoch `epoch`, both from 0."""

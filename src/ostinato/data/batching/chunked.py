"""Batches of long rows, cut into chunks that follow each other from batch to batch."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ostinato.data.batching.buckets import Bucketed, Numbers


class Chunk(NamedTuple):
    """Steps `start` … `end` of row `row_number`, whose key is `key`.

    `continues` says that the chunk goes on where the same slot of the batch before stopped, `ends` that it is the
    row's last. Behind it the slot gives empty chunks (`start` = `end`, `ends` False) until the group has ended.
    """

    row_number: int
    start: int
    end: int
    key: str
    continues: bool
    ends: bool


class Chunked:
    """Rows by number, read `chunk` steps at a time: all of a group of similar length together, in consecutive batches.

    A row keeps its slot in the batch until the group's longest row has ended, so that a state carried from batch to
    batch is that of the row; then the next group begins. Over an epoch every row is read whole, exactly once, and has
    exactly one chunk with `ends`, also where its length is 0. Without `chunk`, a row is one chunk.

    `keys` gives a row's key by its number, `lengths` [N] are the rows' lengths in steps. Groups are made as `Bucketed`
    says, in the order of (seed, epoch) or, without a `seed`, always the same: at most `batch_size` rows, and no batch
    of more than `batch_tokens` padded steps. Raises ConfigError as `Bucketed` does.
    """

    def __init__(
        self,
        keys: Callable[[int], str],
        lengths: Numbers | Sequence[int],
        chunk: int | None = None,
        batch_size: int | None = None,
        batch_tokens: int | None = None,
        seed: int | None = None,
        noise: float = 0.1,
    ):
        self._keys, self._chunk = keys, chunk
        self._groups = Bucketed(_ByNumber(keys, len(lengths)), lengths, batch_size, batch_tokens, seed, noise, chunk)
        self._order: tuple[int, Numbers] | None = None
        self._count = int(self._first_batches(0)[-1])

    def __len__(self) -> int:
        return self._count

    def batch(self, epoch: int, index: int) -> list[Chunk]:
        """Batch `index` of the epoch's own order: a chunk for each row of a group, in the same slots all along."""
        if not 0 <= index < len(self):
            raise IndexError(f"batching: there is no batch {index} in an epoch of {len(self)}")
        first = self._first_batches(epoch)
        group = int(np.searchsorted(first, index, side="right")) - 1
        place = index - int(first[group])
        return [self._part(number, place) for number in self._groups.numbers(epoch, group).tolist()]

    def _part(self, number: int, place: int) -> Chunk:
        """Chunk `place` of a row, counted from 0."""
        length = int(self._groups.lengths[number])
        size = self._chunk or max(length, 1)
        start, end = min(place * size, length), min((place + 1) * size, length)
        ends = place == max(-(-length // size), 1) - 1
        return Chunk(number, start, end, self._keys(number), place > 0, ends)

    def _first_batches(self, epoch: int) -> Numbers:
        """[groups + 1]: the batch that each group of the epoch's order begins with, and the number of batches.

        The number is the same in every epoch: noise moves no row across a multiple of `chunk` (see `Bucketed`), so at
        every place of the sorted rows stands a row of as many chunks.
        """
        order = self._order  # two threads may ask for unlike epochs
        if order is None or order[0] != epoch:
            longest = self._groups.longest(epoch)
            counts = np.ones_like(longest) if self._chunk is None else np.maximum(-(-longest // self._chunk), 1)
            order = self._order = (epoch, np.concatenate([[0], np.cumsum(counts)]))
        return order[1]


class _ByNumber(Sequence[Chunk]):
    """The rows as examples that know their number and key; nothing is read."""

    def __init__(self, keys: Callable[[int], str], count: int):
        self._keys, self._count = keys, count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, number: Any) -> Any:
        return Chunk(int(number), 0, 0, self._keys(int(number)), False, False)

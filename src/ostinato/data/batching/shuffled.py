"""Shuffled batches of independent examples."""

from collections.abc import Sequence
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from ostinato.data.batching.base import Example, require_batchable

E = TypeVar("E", bound=Example)


class Shuffled(Generic[E]):
    """Independent examples, `batch_size` at a time, ordered by (seed, epoch) alone; the last batch may be smaller.

    Raises ConfigError where there is no example, and for a batch size below 1 or a seed below 0.
    """

    def __init__(self, examples: Sequence[E], batch_size: int, seed: int):
        require_batchable(len(examples), batch_size, seed)
        self._examples, self.batch_size, self._seed = examples, batch_size, seed
        self._order: tuple[int, npt.NDArray[np.int64]] | None = None

    def __len__(self) -> int:
        return -(-len(self._examples) // self.batch_size)

    def batch(self, epoch: int, index: int) -> list[E]:
        """Batch `index` of the epoch's own order."""
        if not 0 <= index < len(self):
            raise IndexError(f"batching: there is no batch {index} in an epoch of {len(self)}")
        order = self._order  # two threads may ask for unlike epochs
        if order is None or order[0] != epoch:
            order = (epoch, np.random.default_rng([self._seed, epoch]).permutation(len(self._examples)))
            self._order = order
        numbers = order[1][index * self.batch_size : (index + 1) * self.batch_size]
        return [self._examples[number] for number in numbers.tolist()]

"""Batching: contiguous streams for truncated backpropagation, and shuffled batches of independent examples."""

from collections.abc import Sequence
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from ostinato.data.batching.base import Example, TokenWindow
from ostinato.data.token_file import TokenArray
from ostinato.errors import ConfigError

E = TypeVar("E", bound=Example)


class ContiguousBatches:
    """One long row of ids read in `rows` places at once, `steps` predictions at a time.

    The N − 1 predictions of N ids are cut into `rows` contiguous parts whose lengths differ by at most one; batch i
    holds window i of each part, so row r of a batch goes on where row r of the one before stopped. Every prediction is
    made exactly once an epoch; every epoch is the same.
    """

    def __init__(self, tokens: TokenArray, rows: int, steps: int, name: str = "text"):
        if rows < 1 or steps < 1:
            raise ConfigError(f"{name}: {rows} rows of {steps} steps hold nothing; make both at least 1")
        self._tokens, self.rows, self.steps, self._name = tokens, rows, steps, name
        self.predictions = max(len(tokens) - 1, 0)
        if self.predictions < rows:
            raise ConfigError(
                f"{name}: its {self.predictions} tokens are too few for {rows} rows; "
                f"set the number of rows to at most {max(self.predictions, 1)}, or name a longer text"
            )

    def __len__(self) -> int:
        longest = -(-self.predictions // self.rows)
        return -(-longest // self.steps)

    def batch(self, epoch: int, index: int) -> list[TokenWindow]:
        """Always `rows` windows; one whose row has ended has a single token and so predicts nothing."""
        if not 0 <= index < len(self):
            raise IndexError(f"{self._name}: there is no batch {index} in an epoch of {len(self)}")
        return [self._window(row, index) for row in range(self.rows)]

    def _window(self, row: int, index: int) -> TokenWindow:
        start, end = self._start(row), self._start(row + 1)
        first = min(start + index * self.steps, end)
        last = min(first + self.steps, end)
        return TokenWindow(self._tokens[first : last + 1], f"{self._name}[{first}:{last}]", index > 0)

    def _start(self, row: int) -> int:
        """Where a row's predictions begin: the first rows are the longer ones."""
        length, longer = divmod(self.predictions, self.rows)
        return row * length + min(row, longer)


class Shuffled(Generic[E]):
    """Independent examples, `rows` at a time, ordered by (seed, epoch) alone; the last batch may be small."""

    def __init__(self, examples: Sequence[E], rows: int, seed: int):
        check(examples, rows, seed)
        self._examples, self.rows, self._seed = examples, rows, seed
        self._order: tuple[int, npt.NDArray[np.int64]] | None = None

    def __len__(self) -> int:
        return -(-len(self._examples) // self.rows)

    def batch(self, epoch: int, index: int) -> list[E]:
        """Batch `index` of the epoch's own order."""
        if not 0 <= index < len(self):
            raise IndexError(f"batching: there is no batch {index} in an epoch of {len(self)}")
        found = self._order  # two threads may ask for unlike epochs
        if found is None or found[0] != epoch:
            found = (epoch, np.random.default_rng([self._seed, epoch]).permutation(len(self._examples)))
            self._order = found
        chosen = found[1][index * self.rows : (index + 1) * self.rows]
        return [self._examples[i] for i in chosen.tolist()]


def check(examples: Sequence[E], rows: int, seed: int) -> None:
    """Raises ConfigError where no batches can be made of these."""
    if rows < 1:
        raise ConfigError(f"batching: a batch of {rows} rows holds nothing; make it at least 1")
    if seed < 0:
        raise ConfigError(f"batching: the seed {seed} is negative; choose one from 0 on")
    if not len(examples):
        raise ConfigError("batching: there is no example to batch; name data that has some")

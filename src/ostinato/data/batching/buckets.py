"""Bucketing: batches of examples that are about as long as each other, under a bound on what a batch is padded to."""

import math
from collections.abc import Sequence
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from ostinato.data.batching.base import Example
from ostinato.data.batching.contiguous import check
from ostinato.errors import ConfigError

E = TypeVar("E", bound=Example)


class Bucketed(Generic[E]):
    """Independent examples in batches of at most `rows`, which padded to their longest hold at most `tokens` steps.

    Each epoch they are sorted by length, each length first lengthened by a random share of up to `noise`, cut into
    batches from the longest on, and the batches come in a random order. So every example comes exactly once an epoch,
    in an order of (seed, epoch) alone, and an epoch always has as many batches. More noise mixes more and pads more.

    `lengths` [N] are those of the examples, in whatever unit `tokens` counts; an example of length 0 counts as 1.
    Without `tokens`, `rows` is the only bound. Raises ConfigError for an example longer than `tokens`: the bound is on
    memory, so it is neither exceeded nor is an example left out.

    Where the cuts are depends on the sorted lengths alone. Before an example of length l at place p stand at least p
    that are longer than l / (1 + noise), so l < (1 + noise) times the length at place p without noise.
    """

    def __init__(
        self,
        examples: Sequence[E],
        lengths: npt.ArrayLike,
        rows: int,
        seed: int,
        tokens: int | None = None,
        noise: float = 0.1,
    ):
        check(examples, rows, seed)
        if not 0 <= noise < math.inf:
            raise ConfigError(f"batching: lengths cannot have a noise of {noise:g}; give a share of them, such as 0.1")
        self._examples, self.rows, self.tokens, self.noise, self._seed = examples, rows, tokens, noise, seed
        self._lengths = self._measured(lengths)
        bounds = np.sort(np.maximum(self._lengths, 1))[::-1]
        bounds = np.minimum(np.ceil(bounds * (1 + noise)), bounds[0]).astype(np.int64)
        starts = [0]
        while starts[-1] < len(bounds):
            most = rows if tokens is None else max(min(rows, tokens // int(bounds[starts[-1]])), 1)
            starts.append(min(starts[-1] + most, len(bounds)))
        self._starts = np.array(starts)
        self._order: tuple[int, npt.NDArray[np.int64], npt.NDArray[np.int64]] | None = None

    def __len__(self) -> int:
        return len(self._starts) - 1

    def batch(self, epoch: int, index: int) -> list[E]:
        """Batch `index` of the epoch's own order."""
        if not 0 <= index < len(self):
            raise IndexError(f"batching: there is no batch {index} in an epoch of {len(self)}")
        places, numbers = self._ordered(epoch)
        number = numbers[index]
        return [self._examples[i] for i in places[self._starts[number] : self._starts[number + 1]].tolist()]

    def padding(self, epoch: int = 0) -> float:
        """The share of an epoch's padded steps, all its batches together, that are no example's own."""
        places, _ = self._ordered(epoch)
        longest = np.maximum.reduceat(self._lengths[places], self._starts[:-1])
        padded = int((longest * np.diff(self._starts)).sum())
        return 1 - int(self._lengths.sum()) / padded if padded else 0.0

    def _ordered(self, epoch: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """The examples by place, and the batches by index."""
        found = self._order
        if found is None or found[0] != epoch:
            generator = np.random.default_rng([self._seed, epoch])
            mixed = generator.permutation(len(self._lengths))
            noised = self._lengths[mixed] * (1 + self.noise * generator.random(len(mixed)))
            places = mixed[np.argsort(-noised, kind="stable")]
            found = self._order = (epoch, places, generator.permutation(len(self)))
        return found[1], found[2]

    def _measured(self, lengths: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """[N], checked."""
        found = np.asarray(lengths)
        if found.shape != (len(self._examples),) or not np.issubdtype(found.dtype, np.integer) or found.min() < 0:
            raise ConfigError(
                f"batching: the lengths of {len(self._examples)} examples are as many whole numbers from 0 on, not "
                f"{found.dtype} {list(found.shape)}; give the length of each"
            )
        tokens, longest = self.tokens, int(found.argmax())
        if tokens is not None and tokens < max(int(found[longest]), 1):
            raise ConfigError(
                f"batching: {self._examples[longest].key} has a length of {found[longest]}, more than the {tokens} "
                f"tokens of a batch, as have {int((found > tokens).sum())} of {len(found)} examples; set the tokens to "
                f"at least {max(int(found[longest]), 1)}, or shorten such examples"
            )
        return found.astype(np.int64)

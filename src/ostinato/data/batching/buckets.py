"""Length buckets: batches of examples of similar length, under a bound on the padded tokens of a batch."""

import math
from collections.abc import Sequence
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from ostinato.data.batching.base import Example, require_batchable
from ostinato.errors import ConfigError

E = TypeVar("E", bound=Example)
Numbers = npt.NDArray[np.int64]


class Bucketed(Generic[E]):
    """Independent examples in batches of similar length: at most `batch_size`, or as many as `batch_tokens` allow.

    `lengths` [N] are those of the examples, in the unit that `batch_tokens` counts: a batch of n examples, padded to
    its longest, holds n · longest tokens. An example of length 0 counts as 1. Give one of the two bounds, or both.

    With a `seed` (training), the examples of each epoch are sorted by length, each length first lengthened by a random
    share of up to `noise`, cut into batches from the longest on, and the batches come in a random order. So every
    example comes exactly once an epoch, in an order of (seed, epoch) alone, and every epoch has as many batches. More
    noise mixes more and pads more. Without a seed (evaluation), every epoch is the same: the longest come first.

    With `chunk`, examples are read at most `chunk` steps at a time (see `Chunked`): a batch then holds
    n · min(longest, chunk) tokens, and noise lengthens an example at most to the next multiple of `chunk`.

    Raises ConfigError where there is no example, no bound or a bound below 1, where `lengths` do not fit, and for an
    example longer than `batch_tokens`: the bound is on memory, so it is neither exceeded nor is an example left out.

    Where the cuts are depends on the sorted lengths alone. Before an example of length l at place p stand at least p
    that are longer than l / (1 + noise), so l < (1 + noise) times the length at place p without noise.
    """

    def __init__(
        self,
        examples: Sequence[E],
        lengths: npt.ArrayLike,
        batch_size: int | None = None,
        batch_tokens: int | None = None,
        seed: int | None = None,
        noise: float = 0.1,
        chunk: int | None = None,
    ):
        require_batchable(len(examples), batch_size, seed)
        if batch_size is None and batch_tokens is None:
            raise ConfigError("batching: a batch has no bound; give batch_size or batch_tokens")
        if not 0 <= noise < math.inf:
            raise ConfigError(f"batching: lengths cannot have a noise of {noise:g}; give a share of them, such as 0.1")
        if chunk is not None and chunk < 1:
            raise ConfigError(f"batching: a chunk of {chunk} steps holds nothing; make it at least 1")
        self._examples, self._seed, self._chunk = examples, seed, chunk
        self._noise = noise if seed is not None else 0.0
        self.lengths = self._checked(lengths, batch_tokens)
        self._starts = self._cuts(batch_size or len(examples), batch_tokens)
        self._order: tuple[int, Numbers, Numbers] | None = None

    def __len__(self) -> int:
        return len(self._starts) - 1

    def batch(self, epoch: int, index: int) -> list[E]:
        """Batch `index` of the epoch's own order."""
        return [self._examples[number] for number in self.numbers(epoch, index).tolist()]

    def numbers(self, epoch: int, index: int) -> Numbers:
        """[n]: the numbers of the examples in batch `index` of the epoch's own order."""
        if not 0 <= index < len(self):
            raise IndexError(f"batching: there is no batch {index} in an epoch of {len(self)}")
        places, buckets = self._ordered(epoch)
        bucket = buckets[index]
        return places[self._starts[bucket] : self._starts[bucket + 1]]

    def longest(self, epoch: int) -> Numbers:
        """[batches]: the greatest length in each batch of the epoch's own order."""
        places, buckets = self._ordered(epoch)
        longest: Numbers = np.maximum.reduceat(self.lengths[places], self._starts[:-1])[buckets]
        return longest

    def padding(self, epoch: int = 0) -> float:
        """The share of an epoch's padded steps, all its batches together, that belong to no example."""
        sizes = np.diff(self._starts)[self._ordered(epoch)[1]]
        padded = int((self.longest(epoch) * sizes).sum())
        return 1 - int(self.lengths.sum()) / padded if padded else 0.0

    def _ordered(self, epoch: int) -> tuple[Numbers, Numbers]:
        """The numbers of the examples by place, and those of the buckets by index."""
        order = self._order  # two threads may ask for unlike epochs
        if order is None or order[0] != epoch:
            order = self._order = (epoch, *self._shuffled(epoch))
        return order[1], order[2]

    def _shuffled(self, epoch: int) -> tuple[Numbers, Numbers]:
        if self._seed is None:
            return np.argsort(-self.lengths, kind="stable"), np.arange(len(self))
        generator = np.random.default_rng([self._seed, epoch])
        mixed = generator.permutation(len(self.lengths))
        noised = self._bounded(self.lengths[mixed] * (1 + self._noise * generator.random(len(mixed))), mixed)
        return mixed[np.argsort(-noised, kind="stable")], generator.permutation(len(self))

    def _bounded(self, noised: npt.NDArray[np.float64], numbers: Numbers) -> npt.NDArray[np.float64]:
        if self._chunk is None:
            return noised
        return np.minimum(noised, -(-self.lengths[numbers] // self._chunk) * self._chunk)

    def _cuts(self, batch_size: int, batch_tokens: int | None) -> Numbers:
        """[batches + 1]: the place where each batch begins, for the longest that noise can bring there."""
        bounds = np.sort(np.maximum(self.lengths, 1))[::-1]
        bounds = np.minimum(np.ceil(bounds * (1 + self._noise)), bounds[0]).astype(np.int64)
        if self._chunk is not None:
            bounds = np.minimum(bounds, self._chunk)
        starts = [0]
        while starts[-1] < len(bounds):
            fitting = batch_size if batch_tokens is None else min(batch_size, batch_tokens // int(bounds[starts[-1]]))
            starts.append(min(starts[-1] + max(fitting, 1), len(bounds)))
        return np.array(starts)

    def _checked(self, lengths: npt.ArrayLike, batch_tokens: int | None) -> Numbers:
        """[N]. Raises ConfigError where they are not the lengths of the examples, or one is beyond the bound."""
        given = np.asarray(lengths)
        if given.shape != (len(self._examples),) or not np.issubdtype(given.dtype, np.integer) or given.min() < 0:
            raise ConfigError(
                f"batching: the lengths of {len(self._examples)} examples are as many whole numbers from 0 on, not "
                f"{given.dtype} {list(given.shape)}; give the length of each"
            )
        steps = given if self._chunk is None else np.minimum(given, self._chunk)
        longest = int(steps.argmax())
        least = max(int(steps[longest]), 1)
        if batch_tokens is not None and batch_tokens < least:
            unit = "a length of" if self._chunk is None else "chunks of"
            raise ConfigError(
                f"batching: {getattr(self._examples[longest], 'key', f'example {longest}')} has {unit} "
                f"{steps[longest]}, more than the {batch_tokens} tokens of a batch, as have "
                f"{int((steps > batch_tokens).sum())} of {len(steps)} examples; set batch_tokens to at least {least}, "
                f"or {'shorten such examples' if self._chunk is None else 'read shorter chunks'}"
            )
        return given.astype(np.int64)

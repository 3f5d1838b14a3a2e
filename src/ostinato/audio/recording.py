"""Recording: a file of sound, of which any span of samples can be read."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from ostinato.errors import ConfigError, DataError

Samples: TypeAlias = npt.NDArray[np.float32]


class Recording(ABC):
    """`samples` samples in each of `channels` channels, `rate` a second; `name` is the file in messages."""

    name: str
    rate: int
    channels: int
    samples: int

    @property
    def seconds(self) -> float:
        """Its duration."""
        return self.samples / self.rate

    @abstractmethod
    def read(self, begin: int = 0, end: int | None = None) -> Samples:
        """[samples channels] from `begin` up to `end` (None: the end), in [-1, 1) where the file holds integers.

        Nothing but the span is read. Raises DataError for a span that is not in the recording, for a file that ends too
        early, and for a sample that is NaN or infinite.
        """

    @abstractmethod
    def close(self) -> None:
        """Close the file."""

    def mono(self, begin: int = 0, end: int | None = None, channel: int | None = None) -> Samples:
        """[samples]: the mean of all channels, or one of them, counted from 0.

        Raises ConfigError where there is no such channel, and DataError as `read` does.
        """
        if channel is not None and not 0 <= channel < self.channels:
            raise ConfigError(
                f"{self.name}: there is no channel {channel}; choose from 0 to {self.channels - 1}, or leave it out"
            )
        sound = self.read(begin, end)
        if channel is not None or self.channels == 1:
            return np.ascontiguousarray(sound[:, channel or 0])
        total = sound[:, 0].astype(np.float64)
        for number in range(1, self.channels):  # one by one: a sum over an axis may round by how long the span is
            total += sound[:, number]
        return (total / self.channels).astype(np.float32)

    def pieces(self, size: int, channel: int | None = None) -> Iterator[Samples]:
        """`mono` in pieces [size], the last one shorter: for recordings larger than the memory.

        Raises ConfigError for a size below 1, and as `mono` does.
        """
        if size < 1:
            raise ConfigError(f"{self.name}: a piece of {size} samples is empty; ask for 1 or more")
        begins = range(0, self.samples, size)
        return (self.mono(begin, min(begin + size, self.samples), channel) for begin in begins)

    def span(self, begin: int, end: int | None) -> tuple[int, int]:
        """`begin` and `end`, checked. Raises DataError where they are not in the recording."""
        last = self.samples if end is None else end
        if not 0 <= begin <= last <= self.samples:
            raise DataError(
                f"{self.name}: it has no samples from {begin} to {last}; ask for a span within 0 to {self.samples}"
            )
        return begin, last

    def finite(self, sound: npt.NDArray[Any], begin: int) -> npt.NDArray[Any]:
        """`sound` [samples channels], checked. Raises DataError that names the first sample that is not finite."""
        if not np.isfinite(sound).all():
            sample, channel = np.argwhere(~np.isfinite(sound))[0].tolist()
            at = begin + sample
            raise DataError(
                f"{self.name}: sample {at} ({at / self.rate:.3f} s) of channel {channel} is "
                f"{sound[sample, channel]:g}; repair the recording or leave it out"
            )
        return sound

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

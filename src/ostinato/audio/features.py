"""Features: sound to frames of numbers, for a whole recording or chunk by chunk."""

from abc import ABC, abstractmethod
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from ostinato.audio.recording import Samples
from ostinato.errors import DataError
from ostinato.registry import Registry

Frames: TypeAlias = npt.NDArray[np.float32]
State: TypeAlias = Any
"""A NamedTuple of arrays and counts that are never changed in place: a state may be kept and continued twice."""
LOUDEST: Final = 256
"""Floats may exceed 1; those beyond this are in another unit, most often that of 16-bit integers."""


class Features(ABC):
    """Samples in [-1, 1), `rate` a second, to frames of `width` numbers, one every `step` samples.

    However the samples are cut into chunks, the frames together are those of the whole, bit for bit. Frame t is given
    as soon as t · step + `latency` samples have come, or when nothing more comes.
    """

    rate: int
    width: int
    step: int
    latency: int

    @abstractmethod
    def count(self, samples: int) -> int:
        """The number of frames of a recording of `samples` samples."""

    @abstractmethod
    def initial(self) -> State:
        """The state before the first sample."""

    @abstractmethod
    def advance(self, state: State, samples: Samples, final: bool = False) -> tuple[Frames, State]:
        """The frames [T width] that `samples` [n] (n may be 0) complete, and the state; `final`: nothing follows."""

    def whole(self, samples: Any) -> Frames:
        """The frames [T width] of a recording [n]. Raises DataError where `samples` are not sound."""
        return self.advance(self.initial(), as_samples(samples), final=True)[0]


def as_samples(samples: Any, before: int = 0) -> Samples:
    """Samples [n] as float32: floats unchanged, int16 divided by 32768. Messages count from `before`.

    Raises DataError for another shape or dtype, and for a sample that is NaN, infinite or not within ±256.
    """
    given = np.asarray(samples)
    if given.ndim != 1 or (given.dtype.kind != "f" and given.dtype != np.int16):
        raise DataError(
            f"sound: samples are floats in [-1, 1) or int16, [n], but {given.dtype} {list(given.shape)} was passed; "
            "pass one channel in one of these types"
        )
    if given.dtype == np.int16:
        return (given / np.float32(32768)).astype(np.float32)
    with np.errstate(over="ignore"):
        row = given.astype(np.float32)
    fit = np.abs(row) <= LOUDEST  # NaN does not
    if not fit.all():
        at = int(np.argmin(fit))
        raise DataError(
            f"sound: sample {before + at} is {given[at]:g}; pass numbers in [-1, 1), those of 16 bits divided by 32768"
        )
    return row


features: Registry[Features] = Registry(Features, "feature", "ostinato.audio")
register = features.register

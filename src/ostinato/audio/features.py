"""Features: sound to frames of numbers, whole or as it comes."""

from abc import ABC, abstractmethod
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from ostinato.audio.recording import Samples
from ostinato.errors import DataError
from ostinato.registry import Registry

Frames: TypeAlias = npt.NDArray[np.float32]
State: TypeAlias = Any
"""A NamedTuple of arrays and counts, which are never changed: a state can be kept, and gone on from twice."""
LOUDEST: Final = 256
"""Floats may overshoot 1; those beyond this are in another unit, most often that of 16 bits."""


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
        """How many frames a recording of so many samples has."""

    @abstractmethod
    def initial(self) -> State:
        """Nothing was heard yet."""

    @abstractmethod
    def advance(self, state: State, samples: Samples, final: bool = False) -> tuple[Frames, State]:
        """The frames [T width] that `samples` [n], perhaps none, complete; `final` says that nothing follows."""

    def whole(self, samples: Any) -> Frames:
        """The frames [T width] of a recording [n]. Raises DataError for what is no sound."""
        return self.advance(self.initial(), sound(samples), final=True)[0]


def sound(samples: Any, before: int = 0) -> Samples:
    """A row of samples [n] as float32, PCM of 16 bits divided by 32768; `before` of them came earlier.

    Raises DataError where it is none, and for a sample that is NaN, infinite or not within ±256.
    """
    array = np.asarray(samples)
    if array.ndim != 1 or (array.dtype.kind != "f" and array.dtype != np.int16):
        raise DataError(
            f"sound: it is one row of floats in [-1, 1) or of int16, but {array.dtype} {list(array.shape)} was passed"
        )
    if array.dtype == np.int16:
        return (array / np.float32(32768)).astype(np.float32)
    with np.errstate(over="ignore"):
        row = array.astype(np.float32)
    fit = np.abs(row) <= LOUDEST  # NaN does not
    if not fit.all():
        at = int(np.argmin(fit))
        raise DataError(
            f"sound: sample {before + at} is {array[at]:g}; pass numbers in [-1, 1), those of 16 bits divided by 32768"
        )
    return row


features: Registry[Features] = Registry(Features, "feature", "ostinato.audio")
register = features.register

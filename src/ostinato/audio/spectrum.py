"""Spectrum: the base of features that are computed from the power of each window's Fourier transform."""

from abc import abstractmethod
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ostinato.audio.features import Features, Frames, State
from ostinato.audio.framing import Framing, FramingState, Windows, framings
from ostinato.audio.recording import Samples
from ostinato.errors import ConfigError
from ostinato.registry import Spec

Power: TypeAlias = npt.NDArray[np.float64]

FRAMES_AT_ONCE = 64
"""Of a long chunk; their windows fit the second cache."""


class Spectrum(Features):
    """log max(energy, `floor`), in nats, of the `energies` of the power |X_k|², k = 0 … fft / 2.

    Kaldi's floor is 2^-23, the step of float32 at 1. Its own tools take samples in ±32768, and their logarithms are
    larger by 2 log 32768. Raises ConfigError for a rate below 1, and a floor that is not above 0.

    Options:
        rate: samples a second (Hz) of the recordings.
        floor: the least energy, which stands for silence under the logarithm.
        framing: how the windows are cut; not set: inside.
    """

    def __init__(self, rate: int, floor: float, framing: Spec[Framing] | None):
        if rate < 1:
            raise ConfigError(f"rate: {rate} samples a second are too few; give the rate of the recording")
        if not 0 < floor < np.inf:
            raise ConfigError(f"floor: {floor:g} has no logarithm; choose a small number above 0, such as 2**-23")
        self.rate, self.floor = rate, floor
        self.framing = (framing or framings.spec({"name": "inside"})).build(rate=rate)
        self.step, self.latency = self.framing.step, self.framing.latency

    @abstractmethod
    def energies(self, power: Power) -> Power:
        """[fft / 2 + 1, T] to [width T], each column by itself and in one order of summation."""

    def count(self, samples: int) -> int:
        """The number of frames of a recording of `samples` samples."""
        return self.framing.count(samples)

    def initial(self) -> State:
        """The state before the first sample."""
        return self.framing.initial()

    def advance(self, state: FramingState, samples: Samples, final: bool = False) -> tuple[Frames, State]:
        """The frames [T width] that `samples` [n] (n may be 0) complete, and the state; `final`: nothing follows."""
        frames = []
        size = FRAMES_AT_ONCE * self.step
        for begin in range(0, max(1, len(samples)), size):
            last = begin + size >= len(samples)
            rows, state = self.framing.advance(state, samples[begin : begin + size], final and last)
            frames.append(self._frames(rows))
        return np.concatenate(frames), state

    def _frames(self, rows: Windows) -> Frames:
        """In float64, then rounded: what is left of a small number beside a large one is not the transform's noise.

        A frame's bits do not depend on how many there are: NumPy transforms row by row, and all else is elementwise.
        """
        if not len(rows):
            return np.zeros((0, self.width), np.float32)
        transform = np.ascontiguousarray(np.fft.rfft(rows.astype(np.float64)).T)
        power = transform.real**2 + transform.imag**2
        return np.ascontiguousarray(np.log(np.maximum(self.energies(power), self.floor)).T, np.float32)

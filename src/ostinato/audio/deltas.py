"""Deltas: how features change over time (Furui, 1986; Kaldi's feat/feature-functions.h, with its window of 2)."""

from typing import NamedTuple

import numpy as np

from ostinato.audio.features import Features, Frames, State, register
from ostinato.audio.recording import Samples
from ostinato.registry import Spec

SLOPE = np.array([-2, -1, 0, 1, 2]) / 10
"""Σ_k k (c_{t+k} - c_{t-k}) / (2 Σ_k k²) for k = 1, 2: the slope of a line through five frames."""


class Waiting(NamedTuple):
    """`of` is the inner features' state, `frames` [n width] the frames that frames to come need."""

    of: State
    frames: Frames


@register("deltas", example={"of": {"name": "fbank", "rate": 4000, "bands": 12}})
class Deltas(Features):
    """Each frame of `of`, its slope, and its slope's slope; before the first and behind the last frame stand themselves
    again. They wait for four frames more.

    Options:
        of: the features whose slopes are added.
    """

    def __init__(self, of: Spec[Features]):
        self.of = of.build()
        self.rate, self.step, self.width = self.of.rate, self.of.step, 3 * self.of.width
        self._kernels = [np.eye(9)[4], np.pad(SLOPE, 2), np.convolve(SLOPE, SLOPE)]
        self.latency = self.of.latency + 4 * self.step

    def count(self, samples: int) -> int:
        """How many frames a recording of so many samples has."""
        return self.of.count(samples)

    def initial(self) -> Waiting:
        """Nothing was heard yet."""
        return Waiting(self.of.initial(), np.zeros((0, self.of.width), np.float32))

    def advance(self, state: Waiting, samples: Samples, final: bool = False) -> tuple[Frames, State]:
        """The frames [T width] that `samples` [n], perhaps none, complete; `final` says that nothing follows."""
        new, inner = self.of.advance(state.of, samples, final)
        frames = state.frames
        if len(new) and not len(frames):
            frames = np.repeat(new[:1], 4, axis=0)
        frames = np.concatenate([frames, new])
        if final and len(frames):
            frames = np.concatenate([frames, np.repeat(frames[-1:], 4, axis=0)])
        count = max(0, len(frames) - 8)
        deltas = np.zeros((count, 3, self.of.width))
        for order, kernel in enumerate(self._kernels):
            for number in np.flatnonzero(kernel):
                deltas[:, order] += kernel[number] * frames[number : number + count]
        return deltas.reshape(count, self.width).astype(np.float32), Waiting(inner, frames[count:].copy())

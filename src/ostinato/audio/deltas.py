"""Deltas: how features change over time (Furui, 1986; Kaldi's feat/feature-functions.h, with its window of 2)."""

from typing import NamedTuple

import numpy as np

from ostinato.audio.features import Features, Frames, State, register
from ostinato.audio.recording import Samples
from ostinato.registry import Spec

SLOPE = np.array([-2, -1, 0, 1, 2]) / 10
"""Σ_k k (c_{t+k} - c_{t-k}) / (2 Σ_k k²) for k = 1, 2: the slope of a line through five frames."""


class DeltasState(NamedTuple):
    """`inner` is the state of the inner features, `pending` [n width] the frames that later frames need."""

    inner: State
    pending: Frames


@register("deltas", example={"of": {"name": "fbank", "rate": 4000, "bands": 12}})
class Deltas(Features):
    """Each frame of `of`, its slope, and the slope of its slope: three times its width, four frames later.

    The first frame is repeated before the start, the last one behind the end.

    Options:
        of: the features whose slopes are added.
    """

    def __init__(self, of: Spec[Features]):
        self.of = of.build()
        self.rate, self.step, self.width = self.of.rate, self.of.step, 3 * self.of.width
        self._kernels = [np.eye(9)[4], np.pad(SLOPE, 2), np.convolve(SLOPE, SLOPE)]
        self.latency = self.of.latency + 4 * self.step

    def count(self, samples: int) -> int:
        """The number of frames of a recording of `samples` samples."""
        return self.of.count(samples)

    def initial(self) -> DeltasState:
        """The state before the first sample."""
        return DeltasState(self.of.initial(), np.zeros((0, self.of.width), np.float32))

    def advance(self, state: DeltasState, samples: Samples, final: bool = False) -> tuple[Frames, State]:
        """The frames [T width] that `samples` [n] (n may be 0) complete, and the state; `final`: nothing follows."""
        new, inner = self.of.advance(state.inner, samples, final)
        pending = state.pending
        if len(new) and not len(pending):
            pending = np.repeat(new[:1], 4, axis=0)
        pending = np.concatenate([pending, new])
        if final and len(pending):
            pending = np.concatenate([pending, np.repeat(pending[-1:], 4, axis=0)])
        count = max(0, len(pending) - 8)
        frames = np.zeros((count, 3, self.of.width))
        for order, kernel in enumerate(self._kernels):
            for number in np.flatnonzero(kernel):
                frames[:, order] += kernel[number] * pending[number : number + count]
        return frames.reshape(count, self.width).astype(np.float32), DeltasState(inner, pending[count:].copy())

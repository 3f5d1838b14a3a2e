"""Framing: sound cut into overlapping windows, as Kaldi cuts it (Povey et al., The Kaldi Speech Recognition Toolkit,
2011; feat/feature-window.h)."""

from abc import ABC, abstractmethod
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from ostinato.audio.recording import Samples
from ostinato.errors import ConfigError
from ostinato.registry import Count, NotNegative, Positive, Registry, Share

Shape: TypeAlias = Literal["povey", "hann", "hamming", "rectangular"]
Windows: TypeAlias = npt.NDArray[np.float32]


class FramingState(NamedTuple):
    """`tail` [n] are the last of `read` samples, those that frames to come need; `frames` have been returned."""

    tail: Samples
    read: int
    frames: int


class Framing(ABC):
    """Windows of `length` samples, one every `step`, padded with zeros to `fft`.

    Of each, on its own and in this order: noise is added (`dither`: its standard deviation, in [-1, 1); other noise
    for each `seed`), the mean is removed, x'_i = x_i - `preemphasis` · x_{i-1} with x_{-1} = x_0, and it is tapered by
    the `window`: with c_i = (1 - cos(2π i / (length - 1))) / 2, hann is c, povey c^0.85, hamming 0.08 + 0.92 c.

    Raises ConfigError where window or step have no samples, or `fft` (None: the next power of two) does not fit.

    Options:
        window_ms: length of a window, in milliseconds.
        step_ms: time between the beginnings of two windows, in milliseconds.
        window: the shape that each window is multiplied by.
        fft: points of the Fourier transform; not set: the next power of two from the window's samples.
        preemphasis: share of the sample before that is subtracted from each sample.
        remove_mean: whether each window's mean is subtracted.
        dither: standard deviation of the noise that is added to each sample.
        seed: decides the noise.
    """

    def __init__(
        self,
        window_ms: Positive = 25.0,
        step_ms: Positive = 10.0,
        window: Shape = "povey",
        fft: Count | None = None,
        preemphasis: Share = 0.97,
        remove_mean: bool = True,
        dither: NotNegative = 0.0,
        seed: Count = 1,
        *,
        rate: int,
    ):
        # Rounded, or 44,100 · 10 / 1000 could fall below 441.
        self.length, self.step = (int(round(rate * ms / 1000, 6)) for ms in (window_ms, step_ms))
        self.fft = fft or 1 << (self.length - 1).bit_length()
        if self.length < 2 or self.step < 1:
            raise ConfigError(
                f"framing: {window_ms:g} ms every {step_ms:g} ms are {self.length} and {self.step} samples at a rate "
                f"of {rate}; make them longer"
            )
        if self.fft < self.length or self.fft % 2:
            raise ConfigError(
                f"framing.fft: {self.fft} must be even and at least the window's {self.length}; leave it out"
            )
        self._preemphasis, self._remove_mean, self._dither, self._seed = preemphasis, remove_mean, dither, seed
        c = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(self.length) / (self.length - 1))
        shapes = {"povey": c**0.85, "hann": c, "hamming": 0.08 + 0.92 * c, "rectangular": np.ones(self.length)}
        self.taper = shapes[window].astype(np.float32)

    @abstractmethod
    def count(self, samples: int) -> int:
        """The number of frames of a recording of `samples` samples."""

    @abstractmethod
    def begin(self, frame: int) -> int:
        """The sample at which a frame's window begins."""

    @property
    def latency(self) -> int:
        """The number of samples that frame 0 needs: those up to the end of its window."""
        return self.begin(0) + self.length

    def ready(self, samples: int) -> int:
        """The number of windows that end within the first `samples` samples."""
        return max(0, (samples - self.latency) // self.step + 1)

    def initial(self) -> FramingState:
        """The state before the first sample."""
        return FramingState(np.zeros(0, np.float32), 0, 0)

    def advance(self, state: FramingState, samples: Samples, final: bool) -> tuple[Windows, FramingState]:
        """The windows [T fft] that `samples` [n] complete, prepared for a Fourier transform, and the state."""
        tail, read = np.concatenate([state.tail, samples]), state.read + len(samples)
        end = max(state.frames, self.count(read) if final else self.ready(read))
        rows = np.zeros((end - state.frames, self.fft), np.float32)
        if len(rows):
            first, last = self.begin(state.frames), self.begin(end - 1) + self.length
            before = read - len(tail)  # samples that came before the tail
            inside = tail[max(first, 0) - before : last - before]
            if first < 0 or last > read:
                inside = tail[_reflected(np.arange(first, last), read) - before]
            windows = np.lib.stride_tricks.sliding_window_view(inside, self.length)[:: self.step]
            self._prepare(rows[:, : self.length], windows, state.frames)
        # One sample more than the next window needs: one that ends beyond the recording may reflect on it.
        keep = min(read, max(0, self.begin(end) - 1))
        return rows, FramingState(tail[max(0, keep - read + len(tail)) :].copy(), read, end)

    def _prepare(self, rows: Windows, windows: Samples, first: int) -> None:
        """Write the windows into `rows`. Every operation is elementwise, or goes along a row from left to right, so
        that a frame's bits do not depend on how many there are; and it is in float32, so that they are Kaldi's."""
        rows[:] = windows
        if self._dither:
            for number, row in enumerate(rows, first):  # a frame's noise depends on its number alone
                rng = np.random.Generator(np.random.Philox(key=self._seed, counter=number << 64))
                row += np.float32(self._dither) * rng.standard_normal(self.length, np.float32)
        if self._remove_mean:  # NumPy's own sum goes in another order, which may depend on the number of rows
            rows -= np.add.accumulate(rows, axis=1)[:, -1:] / np.float32(self.length)
        if self._preemphasis:
            factor = np.float32(self._preemphasis)
            start = rows[:, :1] - factor * rows[:, :1]
            rows[:, 1:] -= factor * rows[:, :-1]
            rows[:, :1] = start
        rows *= self.taper


def _reflected(at: npt.NDArray[np.int64], samples: int) -> npt.NDArray[np.int64]:
    """Places outside 0 … samples - 1 moved into it, as between two mirrors: -1 is 0, -2 is 1."""
    at = at % (2 * samples)
    return np.minimum(at, 2 * samples - 1 - at)


framings: Registry[Framing] = Registry(Framing, "framing", "ostinato.audio")


@framings.register("inside", example={"window_ms": 20.0, "step_ms": 8.0})
class Inside(Framing):
    """Only windows that lie in the recording (Kaldi's snip_edges = true): 1 + (samples - length) // step of them."""

    def count(self, samples: int) -> int:
        """The number of frames of a recording of `samples` samples."""
        return self.ready(samples)

    def begin(self, frame: int) -> int:
        """The sample at which a frame's window begins."""
        return frame * self.step


@framings.register("centred", example={"window_ms": 20.0, "step_ms": 8.0})
class Centred(Framing):
    """A window around the middle of each step (Kaldi's snip_edges = false), the recording reflected at its ends:
    samples / step of them, rounded."""

    def count(self, samples: int) -> int:
        """The number of frames of a recording of `samples` samples."""
        return (samples + self.step // 2) // self.step

    def begin(self, frame: int) -> int:
        """The sample at which a frame's window begins."""
        return frame * self.step + self.step // 2 - self.length // 2

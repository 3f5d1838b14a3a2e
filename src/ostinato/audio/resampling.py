"""Resampling: band-limited interpolation at a rational ratio, by a windowed sinc in phases (Crochiere and Rabiner,
Multirate Digital Signal Processing, 1983, section 2.3)."""

from math import ceil, gcd
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from ostinato.audio.features import as_samples
from ostinato.audio.recording import Samples
from ostinato.errors import ConfigError

ZEROS: Final = 64
"""Crossings of zero on each side of the sinc: more make the step from what passes to what is stopped steeper."""
BETA: Final = 8.96
"""Of the Kaiser window: 90 dB between what passes and what is stopped (Kaiser, 1974)."""
PASSED: Final = 0.955
"""The sinc's cutoff, of the lower half rate: the transition from there on ends at the half rate."""
LARGEST_TABLE: Final = 1 << 24
AT_ONCE: Final = 1 << 13


class ResamplerState(NamedTuple):
    """`tail` [n] are the last of `read` samples, which later samples need; `returned` samples have been returned."""

    tail: Samples
    read: int
    returned: int


class Resampler:
    """Samples at `source` a second to samples at `target`: ceil(n · target / source) of n, as if silence were around.

    However the samples are cut into chunks, the result is that of the whole, bit for bit; a sample needs `latency`
    samples of the source behind its place. Frequencies up to 0.91 of the lower Nyquist frequency pass with an error of
    −80 dB or less; from the lower Nyquist frequency on they are attenuated by 80 dB or more. Raises ConfigError where
    the rates are not positive, or where their ratio in lowest terms needs too large a table.
    """

    def __init__(self, source: int, target: int):
        if source < 1 or target < 1:
            raise ConfigError(f"resampling: {source} to {target} samples a second; choose positive rates")
        self.source, self.target = source, target
        common = gcd(source, target)
        self._up, self._down = target // common, source // common
        scale = min(1.0, self._up / self._down)  # below it, what the lower rate cannot hold is stopped
        self.latency = 0 if source == target else ceil(ZEROS / scale)
        taps = 2 * self.latency + 1
        if self._up * taps > LARGEST_TABLE:
            raise ConfigError(
                f"resampling: {source} and {target} have too little in common; choose rates whose ratio is simpler"
            )
        # Row p: what a sample p / up behind a place of the source takes of the samples around that place.
        away = np.arange(-self.latency, self.latency + 1) - (np.arange(self._up) / self._up)[:, None]
        edge = np.clip(away * scale / ZEROS, -1, 1)
        table = np.sinc(away * scale * PASSED) * np.i0(BETA * np.sqrt(1 - edge**2))
        self._taps: npt.NDArray[np.float64] = np.ascontiguousarray((table / table.sum(axis=1, keepdims=True)).T)

    def count(self, samples: int) -> int:
        """The number of samples at `target` for `samples` at `source`."""
        return -(-samples * self._up // self._down)

    def initial(self) -> ResamplerState:
        """The state before the first sample."""
        return ResamplerState(np.zeros(self.latency, np.float32), 0, 0)

    def advance(self, state: ResamplerState, samples: Samples, final: bool = False) -> tuple[Samples, ResamplerState]:
        """The samples [m] that `samples` [n] (n may be 0) complete, and the state; `final`: nothing follows."""
        read = state.read + len(samples)
        after = np.zeros(self.latency if final else 0, np.float32)
        tail = np.concatenate([state.tail, samples, after])
        # Sample m stands at m · down / up; it is complete when `latency` samples behind the place before it are there.
        end = self.count(read) if final else max(state.returned, self.count(read - self.latency))
        before = read + len(after) - len(tail)  # the place of tail[0]
        wide, parts = tail.astype(np.float64), [np.zeros(0, np.float32)]
        for begin in range(state.returned, end, AT_ONCE):
            place, phase = np.divmod(np.arange(begin, min(begin + AT_ONCE, end)) * self._down, self._up)
            place -= self.latency + before
            total = np.zeros(len(place))
            for taps in self._taps:  # elementwise: no sum is rounded by how many samples there are
                total += taps.take(phase) * wide.take(place)
                place += 1
            parts.append(total.astype(np.float32))
        first = end * self._down // self._up - self.latency  # the first place that the next sample takes of
        return np.concatenate(parts), ResamplerState(tail[max(0, first - before) :].copy(), read, end)

    def whole(self, samples: Any) -> Samples:
        """A recording [n] at the target's rate. Raises DataError where `samples` are not sound."""
        return self.advance(self.initial(), as_samples(samples), final=True)[0]

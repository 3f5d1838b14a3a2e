"""Log-mel filter banks, by Kaldi's definition (feat/mel-computations.h)."""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ostinato.audio.features import register
from ostinato.audio.framing import Framing
from ostinato.audio.spectrum import Power, Spectrum
from ostinato.errors import ConfigError
from ostinato.registry import Count, NotNegative, Positive, Spec

Mels: TypeAlias = npt.NDArray[np.float32]


@register("fbank", example={"rate": 4000, "bands": 12})
class Fbank(Spectrum):
    """log Σ_k w_bk |X_k|²: `bands` triangles, each from its left neighbour's middle to its right one's. The middles are
    equally far apart between `low_hz` and `high_hz` on the scale mel(f) = 1127 log(1 + f / 700).

    A `high_hz` of 0 or less is added to half the rate. Raises ConfigError where there is no band, where the
    frequencies are not in that order, or a band is so narrow that no k falls into it.

    Options:
        bands: mel bands, the numbers in each frame.
        low_hz: the lower edge of the first band, in Hz.
        high_hz: the upper edge of the last band, in Hz; 0 or less: so far below half the rate.
    """

    def __init__(
        self,
        rate: Count = 16000,
        bands: Count = 80,
        low_hz: NotNegative = 20.0,
        high_hz: float = 0.0,
        floor: Positive = 2.0**-23,
        framing: Spec[Framing] | None = None,
    ):
        super().__init__(rate, floor, framing)
        if bands < 1:
            raise ConfigError(f"fbank.bands: {bands} bands are too few; ask for 1 or more")
        self.width = bands
        high = high_hz if high_hz > 0 else rate / 2 + high_hz
        if not 0 <= low_hz < high <= rate / 2:
            raise ConfigError(
                f"fbank: bands from {low_hz:g} to {high:g} Hz are not within 0 to {rate / 2:g}, half the rate; "
                "choose low_hz and high_hz within it"
            )
        low, top = mel(np.array([low_hz, high]))
        edges = low + np.arange(bands + 2, dtype=np.float32) * ((top - low) / np.float32(bands + 1))
        self._at, self._weights = self._triangles(edges)

    def energies(self, power: Power) -> Power:
        """[fft / 2 + 1, T] to [bands T], the terms of all bands and frames added one k after the other.

        As products and sums of whole arrays, each number is rounded by itself; a matrix product would choose its order
        of summation by the number of frames.
        """
        terms = power[self._at]  # [k bands T]
        terms *= self._weights[:, :, None]
        sums: Power = terms[0]
        for term in terms[1:]:
            sums += term
        return sums

    def _triangles(self, edges: Mels) -> tuple[npt.NDArray[np.int64], Power]:
        """Which k each band takes, and their weights [k bands], 0 for those outside the band."""
        mels = mel(np.arange(self.framing.fft // 2) * self.rate / self.framing.fft)
        left, middle, right = (edges[i : len(edges) - 2 + i, None] for i in range(3))
        weights = np.minimum((mels - left) / (middle - left), (right - mels) / (right - middle))
        inside = weights > 0
        if not inside.any(axis=1).all():
            band = int(np.argmin(inside.any(axis=1)))
            raise ConfigError(
                f"fbank.bands: band {band} of {self.width} is narrower than the {self.rate / self.framing.fft:g} Hz "
                "between two points of the transform; ask for fewer bands or a larger framing.fft"
            )
        longest = int(inside.sum(axis=1).max())
        first = np.minimum(inside.argmax(axis=1), len(mels) - longest)  # none reads past the last k
        at = first[:, None] + np.arange(longest)
        return at.T, np.take_along_axis(np.maximum(weights, 0), at, axis=1).T.astype(np.float64)


def mel(hz: npt.NDArray[Any]) -> Mels:
    """Frequencies [...] in Hz on the mel scale (O'Shaughnessy, 1987; the constants are HTK's).

    Each operation is rounded to float32 as in Kaldi: that moves the weights of a narrow band by more than 1e-4.
    """
    ratio: Mels = 1 + hz.astype(np.float32) / np.float32(700)
    # NumPy's own logarithm of a float32 may be off by one in the last place.
    return np.log(ratio.astype(np.float64)).astype(np.float32) * np.float32(1127)

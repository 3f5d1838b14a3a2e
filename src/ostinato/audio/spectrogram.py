"""Log-spectrogram: the power of every frequency."""

from ostinato.audio.features import register
from ostinato.audio.framing import Framing
from ostinato.audio.spectrum import Power, Spectrum
from ostinato.registry import Count, Positive, Spec


@register("spectrogram", example={"rate": 4000})
class Spectrogram(Spectrum):
    """log |X_k|², k = 0 … fft / 2. (Kaldi's has the window's energy in the place of k = 0.)"""

    def __init__(self, rate: Count = 16000, floor: Positive = 2.0**-23, framing: Spec[Framing] | None = None):
        super().__init__(rate, floor, framing)
        self.width = self.framing.fft // 2 + 1

    def energies(self, power: Power) -> Power:
        """The power [fft / 2 + 1, T] itself."""
        return power

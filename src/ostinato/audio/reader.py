"""Reader: the front end of a live stream, from chunks of sound to frames."""

from typing import Any

import numpy as np

from ostinato.audio.features import Features, Frames, as_samples
from ostinato.audio.recording import Samples
from ostinato.audio.resampling import Resampler
from ostinato.errors import DataError, StreamError


class FrameReader:
    """Chunks at `rate` samples a second (None: the rate of the features) to frames: however the sound is cut, the
    frames together are those of the whole, bit for bit.

    A `copy.copy` of it continues on its own: its state is replaced, never changed in place. Raises ConfigError for a
    `rate` that cannot be resampled.
    """

    def __init__(self, features: Features, rate: int | None = None):
        self.features, self._resampler = features, Resampler(features.rate if rate is None else rate, features.rate)
        self._feature_state, self._resampler_state = features.initial(), self._resampler.initial()
        self._half, self._read, self._closed = b"", 0, False

    def read(self, chunk: Any, final: bool = False) -> Frames:
        """The frames [T width] that are complete now; `final` says that nothing comes after this chunk.

        A chunk is a row of samples, floats in [-1, 1) or int16, or bytes: PCM of 16 bits with the low byte first, cut
        anywhere. Raises DataError for a chunk that is not sound, counting samples from the start of the stream; the
        reader then stays as it was. Raises StreamError after the final chunk.
        """
        if self._closed:
            raise StreamError("reader: it was closed by its final chunk; make a new reader for a new recording")
        samples, half = self._samples(chunk)
        if final and half:
            raise DataError(f"sound: sample {self._read + len(samples)} has one byte of two; send whole samples")
        new, resampler_state = self._resampler.advance(self._resampler_state, samples, final)
        frames, self._feature_state = self.features.advance(self._feature_state, new, final)
        self._resampler_state, self._half, self._closed = resampler_state, half, final
        self._read += len(samples)
        return frames

    def _samples(self, chunk: Any) -> tuple[Samples, bytes]:
        """The whole samples of a chunk, and the byte that is left over."""
        if isinstance(chunk, bytes):
            raw = self._half + chunk
            whole = len(raw) // 2 * 2
            return as_samples(np.frombuffer(raw[:whole], "<i2").astype(np.int16), self._read), raw[whole:]
        if self._half and np.size(chunk):
            raise DataError(f"sound: sample {self._read} has one byte of two; send its other byte first")
        return as_samples(chunk, self._read), self._half

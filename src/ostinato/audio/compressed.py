"""Compressed: FLAC and Ogg (Vorbis, Opus) files, through libsndfile."""

import importlib.util
import io
from typing import Any, Final

import numpy as np

from ostinato.audio.recording import Recording, Samples
from ostinato.errors import ConfigError, DataError

UNKNOWN_LENGTH: Final = 2**63 - 1
AT_ONCE: Final = 1 << 20
"""Samples: a length that a broken header claims is never allocated."""


class Compressed(Recording):
    """What `soundfile` of the extra `audio` reads. Raises ConfigError where it is not installed, and DataError for a
    file that it cannot read, that has no samples, or that does not say how many."""

    def __init__(self, file: io.BufferedIOBase, name: str):
        if importlib.util.find_spec("soundfile") is None:
            raise ConfigError(f"{name}: FLAC and Ogg need an extra; install it: pip install 'ostinato[audio]'")
        import soundfile

        self.name, self._file = name, file
        self._broken: type[Exception] = soundfile.LibsndfileError
        try:
            self._sound: Any = soundfile.SoundFile(file)
        except self._broken as error:
            raise self._wrong(error) from None
        self.rate, self.channels, self.samples = self._sound.samplerate, self._sound.channels, self._sound.frames
        if self.samples <= 0:
            raise DataError(f"{name}: it has no samples; leave it out")
        if self.samples == UNKNOWN_LENGTH:
            raise DataError(f"{name}: its header does not have its length; have it written, with ffmpeg -i IN OUT")

    def read(self, begin: int = 0, end: int | None = None) -> Samples:
        """[samples channels], as Recording says. Raises DataError where the file ends early or cannot be decoded."""
        begin, end = self.span(begin, end)
        parts = [np.zeros((0, self.channels), np.float32)]
        try:
            self._sound.seek(begin)
            for at in range(begin, end, AT_ONCE):
                size = min(AT_ONCE, end - at)
                part = self._sound.read(size, dtype="float32", always_2d=True)
                if len(part) < size:
                    raise DataError(
                        f"{self.name}: it is cut short, with sound up to sample {at + len(part)} of {self.samples}; "
                        "fetch it again"
                    )
                parts.append(part)
        except self._broken as error:
            raise self._wrong(error) from None
        return np.ascontiguousarray(self.finite(np.concatenate(parts), begin))

    def close(self) -> None:
        """Close the file."""
        self._sound.close()
        self._file.close()

    def _wrong(self, error: Exception) -> DataError:
        return DataError(f"{self.name}: it cannot be decoded ({error}); fetch it again")

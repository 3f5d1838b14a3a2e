"""Compressed: FLAC and Ogg (Vorbis, Opus) files, through libsndfile."""

import importlib.util
import io
from typing import Any

import numpy as np

from ostinato.audio.recording import Recording, Samples
from ostinato.errors import ConfigError, DataError


class Compressed(Recording):
    """What `soundfile` of the extra `audio` reads. Raises ConfigError where it is not installed, and DataError for a
    file that it cannot read or that has no samples."""

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

    def read(self, begin: int = 0, end: int | None = None) -> Samples:
        """[samples channels], as Recording says."""
        begin, end = self.span(begin, end)
        try:
            self._sound.seek(begin)
            sound = self._sound.read(end - begin, dtype="float32", always_2d=True)
        except self._broken as error:
            raise self._wrong(error) from None
        if len(sound) < end - begin:
            raise DataError(
                f"{self.name}: it is cut short, with sound up to sample {begin + len(sound)} of {self.samples}; "
                "fetch it again"
            )
        return np.ascontiguousarray(self.finite(sound, begin))

    def close(self) -> None:
        """Let the file go."""
        self._sound.close()
        self._file.close()

    def _wrong(self, error: Exception) -> DataError:
        return DataError(f"{self.name}: it cannot be decoded ({error}); fetch it again")

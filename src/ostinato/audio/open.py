"""Opening a recording: the file's first bytes say which reader it needs."""

from pathlib import Path

from ostinato.audio.compressed import Compressed
from ostinato.audio.recording import Recording
from ostinato.audio.wav import Wav
from ostinato.errors import DataError

COMPRESSED = (b"fLaC", b"OggS")


def open_recording(path: str | Path) -> Recording:
    """The recording in a file: WAV by a reader of this package, FLAC and Ogg through the extra `audio`.

    Close it, or use it in a `with` block. Raises DataError where the file cannot be opened or is none of these, and
    ConfigError where the extra is missing.
    """
    try:
        file = Path(path).open("rb")  # noqa: SIM115 (it stays open as long as the recording)
    except OSError as error:
        raise DataError(f"{path}: it cannot be opened ({error.strerror}); name a file of sound") from None
    try:
        head = file.read(4)
        file.seek(0)
        return (Compressed if head in COMPRESSED else Wav)(file, str(path))
    except BaseException:
        file.close()
        raise

"""Wav: RIFF/WAVE files (IBM and Microsoft, Multimedia Programming Interface 1.0, 1991), read span by span."""

import io
import os
import struct
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from ostinato.audio.companding import A_LAW, MU_LAW
from ostinato.audio.recording import Recording, Samples
from ostinato.errors import DataError

PCM, FLOAT, ALAW, MULAW, EXTENSIBLE = 1, 3, 6, 7, 0xFFFE
OTHER_CODECS: Final = {2: "Microsoft ADPCM", 0x11: "IMA ADPCM", 0x31: "GSM 6.10", 0x50: "MPEG", 0x55: "MP3"}
GUID_TAIL: Final = bytes.fromhex("000000001000800000aa00389b71")
"""What follows the codec's number in the subformat of WAVE_FORMAT_EXTENSIBLE (KSDATAFORMAT_SUBTYPE_…)."""
UNKNOWN_SIZE: Final = 0xFFFFFFFF
BELOW_ONE: Final = np.float32(1 - 2**-24)
"""The greatest float32 below 1."""


class WavFormat(NamedTuple):
    """The contents of a fmt chunk; `bits` is the size of one stored sample."""

    codec: int
    channels: int
    rate: int
    bits: int


class Wav(Recording):
    """PCM of 8, 16, 24 and 32 bits, floats of 32 and 64 bits, A-law and μ-law; RF64 where it is larger than 4 GiB.

    Raises DataError for another file, and for one that has no samples or not as many as its header says.
    """

    def __init__(self, file: io.BufferedIOBase, name: str):
        self.name, self._file = name, file
        self._bytes = file.seek(0, os.SEEK_END)
        form, self._begin, size = self._chunks()
        self._codec, self.channels, self.rate, self.bits = form
        self._width = self.bits // 8
        whole = self._width * form.channels
        if size % whole:
            raise self._wrong(
                f"its {size:,} bytes of sound are not a whole number of samples of {whole} bytes", "fetch it again"
            )
        self.samples = size // whole

    def read(self, begin: int = 0, end: int | None = None) -> Samples:
        """[samples channels], as Recording says; PCM of b bits is divided by 2^(b - 1)."""
        sound = self.stored(begin, end)
        if self._codec == PCM:
            if self._width == 1:
                sound = sound.astype(np.int16) - 128
            # The largest of 32 bits would be rounded up to 1.
            return np.minimum((sound * 2.0 ** (1 - self.bits)).astype(np.float32), BELOW_ONE)
        if self._codec != FLOAT:
            return np.take(MU_LAW if self._codec == MULAW else A_LAW, sound)
        with np.errstate(over="ignore"):  # a float64 too large for float32 becomes infinite, and is refused
            return self.finite(sound.astype(np.float32), begin)

    def stored(self, begin: int = 0, end: int | None = None) -> npt.NDArray[Any]:
        """[samples channels] as the numbers that the file holds: uint8, int16, int32 (also of 24 bits), float32 or
        float64; A-law and μ-law as their codes."""
        begin, end = self.span(begin, end)
        whole = self._width * self.channels
        self._file.seek(self._begin + begin * whole)
        raw = self._file.read((end - begin) * whole)
        if len(raw) < (end - begin) * whole:
            raise self._wrong("it has become shorter since it was opened", "open it again")
        if self._width == 3:
            padded = np.zeros((len(raw) // 3, 4), np.uint8)
            padded[:, 1:] = np.frombuffer(raw, np.uint8).reshape(-1, 3)
            sound: npt.NDArray[Any] = padded.view("<i4").reshape(-1) >> 8  # keeps the sign
        else:
            kind = "f" if self._codec == FLOAT else "u" if self._width == 1 else "i"
            sound = np.frombuffer(raw, f"<{kind}{self._width}")
        return sound.astype(sound.dtype.newbyteorder("=")).reshape(-1, self.channels)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _chunks(self) -> tuple[WavFormat, int, int]:
        """The format, the offset of the samples, and their size in bytes."""
        self._file.seek(0)
        head = self._file.read(12)
        if head[:4] == b"RIFX":
            raise self._wrong("it is RIFX, with the high byte first", "convert it to a wav with the low byte first")
        if head[:4] not in (b"RIFF", b"RF64") or head[8:] != b"WAVE":
            raise self._wrong("it is not a WAV, FLAC or Ogg file", "convert it to one of them")
        form: WavFormat | None = None
        long_size = None
        at = 12
        while at + 8 <= self._bytes:
            self._file.seek(at)
            kind, size = struct.unpack("<4sI", self._file.read(8))
            at += 8
            if kind == b"data":
                if form is None:
                    raise self._wrong("its data chunk comes before its fmt chunk", "write it again")
                if size == UNKNOWN_SIZE and long_size is not None:
                    size = long_size
                return form, at, self._data_size(size, self._bytes - at)
            if kind == b"ds64" and size >= 16 and at + 16 <= self._bytes:  # EBU Tech 3306
                long_size = struct.unpack("<8xQ", self._file.read(16))[0]
            if kind == b"fmt ":
                form = self._form_of(self._file.read(min(size, 40)))
            at += size + size % 2  # chunks begin at even places
        raise self._wrong("it ends before its sound begins", "fetch or record it again")

    def _data_size(self, size: int, rest: int) -> int:
        if rest and size in (0, UNKNOWN_SIZE):
            raise self._wrong(
                f"its header does not have its length, and {rest:,} bytes follow",
                "have its header written, with ffmpeg -i IN.wav OUT.wav",
            )
        if size > rest:
            raise self._wrong(
                f"it is cut short, with {rest:,} of {size:,} bytes of sound",
                "fetch it again, or have its header written, with ffmpeg -i IN.wav OUT.wav",
            )
        if size == 0:
            raise self._wrong("it has no samples", "leave it out")
        return size

    def _form_of(self, raw: bytes) -> WavFormat:
        if len(raw) < 16:
            raise self._wrong(f"its fmt chunk has {len(raw)} bytes and not 16", "write it again")
        codec, channels, rate, _, whole, bits = struct.unpack("<HHIIHH", raw[:16])
        if codec == EXTENSIBLE and len(raw) == 40 and raw[26:] == GUID_TAIL:
            codec = struct.unpack("<H", raw[24:26])[0]
        if codec not in (PCM, FLOAT, ALAW, MULAW):
            known = f" ({OTHER_CODECS[codec]})" if codec in OTHER_CODECS else ""
            raise self._wrong(f"its codec {codec:#06x}{known} is not read", "convert it to PCM of 16 bits")
        if channels == 0 or rate == 0:
            raise self._wrong(f"it says that it has {channels} channels and {rate} samples a second", "write it again")
        if bits not in {PCM: (8, 16, 24, 32), FLOAT: (32, 64)}.get(codec, (8,)) or whole * 8 != bits * channels:
            raise self._wrong(
                f"{channels} samples of {bits} bits in {whole} bytes are not read", "convert it to PCM of 16 bits"
            )
        return WavFormat(codec, channels, rate, bits)

    def _wrong(self, what: str, remedy: str) -> DataError:
        return DataError(f"{self.name}: {what}; {remedy}")

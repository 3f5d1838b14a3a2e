"""Recordings: every form of wav against its definition, any span as of the whole, and what is no good refused."""

import contextlib
import importlib.util
import io
import os
import struct
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostinato.audio import Wav, open_recording
from ostinato.errors import ConfigError, DataError

PCM, FLOAT, ALAW, MULAW, EXTENSIBLE = 1, 3, 6, 7, 0xFFFE
GUID_TAIL = bytes.fromhex("000000001000800000aa00389b71")


def chunk(kind: bytes, body: bytes, size: int | None = None) -> bytes:
    return kind + struct.pack("<I", len(body) if size is None else size) + body + b"\0" * (len(body) % 2)


def form(codec=PCM, channels=1, rate=8000, bits=16, whole=None) -> bytes:
    whole = channels * bits // 8 if whole is None else whole
    return struct.pack("<HHIIHH", codec, channels, rate, rate * whole, whole, bits)


def extensible(codec, channels, rate, bits) -> bytes:
    more = struct.pack("<HHIH", 22, bits, 0, codec) + GUID_TAIL
    return form(EXTENSIBLE, channels, rate, bits) + more


def riff(*chunks: bytes, kind=b"RIFF") -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return kind + struct.pack("<I", len(body)) + body


def wav(raw: bytes) -> Wav:
    return Wav(io.BytesIO(raw), "a.wav")


def refused(raw: bytes, says: str) -> None:
    with pytest.raises(DataError, match=rf"^a\.wav: .*{says}.*; "):
        wav(raw).read()


# Each stored sample, and what it is by the definition: an integer of b bits over 2^(b - 1).
FORMS = {
    "8 bits": (PCM, 8, bytes([0, 128, 129, 255]), [-1, 0, 1 / 128, 127 / 128]),
    "16 bits": (PCM, 16, struct.pack("<4h", -32768, 0, 1, 32767), [-1, 0, 2**-15, 1 - 2**-15]),
    "24 bits": (PCM, 24, b"\0\0\x80\0\0\0\1\0\0\xff\xff\x7f", [-1, 0, 2**-23, 1 - 2**-23]),
    "32 bits": (PCM, 32, struct.pack("<4i", -(2**31), 0, 1, 2**31 - 1), [-1, 0, 2**-31, 1 - 2**-24]),
    "float32": (FLOAT, 32, struct.pack("<4f", -1, 0, 0.25, 1.5), [-1, 0, 0.25, 1.5]),
    "float64": (FLOAT, 64, struct.pack("<4d", -1, 0, 0.25, 1.5), [-1, 0, 0.25, 1.5]),
    # G.711, tables 1a and 2a: the codes of the largest and the smallest values.
    "A-law": (ALAW, 8, bytes([0x2A, 0xAA, 0xD5, 0x55]), [-4032 / 4096, 4032 / 4096, 1 / 4096, -1 / 4096]),
    "mu-law": (MULAW, 8, bytes([0x00, 0x80, 0xFF, 0x7F]), [-8031 / 8192, 8031 / 8192, 0, 0]),
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_is_read_by_its_definition(name):
    codec, bits, raw, wanted = FORMS[name]
    for head in (form(codec, 1, 8000, bits), extensible(codec, 1, 8000, bits)):
        sound = wav(riff(chunk(b"fmt ", head), chunk(b"data", raw)))
        assert (sound.samples, sound.rate, sound.channels, sound.seconds) == (4, 8000, 1, 4 / 8000)
        assert sound.read().dtype == np.float32
        assert sound.read().tolist() == [[value] for value in wanted]
        assert sound.mono().max() < 1 or codec == FLOAT


def test_the_sound_may_stand_anywhere():
    """Unknown chunks, of odd sizes too, before and after it."""
    raw = struct.pack("<3h", 1, 2, 3)
    before = [chunk(b"LIST", b"odd"), chunk(b"fmt ", form()), chunk(b"fact", b"")]
    sound = wav(riff(*before, chunk(b"data", raw), chunk(b"cue ", b"x")))
    assert (sound.stored()[:, 0]).tolist() == [1, 2, 3]


def test_channels_become_one():
    raw = struct.pack("<6h", 100, 300, 5, -100, 100, 101)
    sound = wav(riff(chunk(b"fmt ", form(channels=3)), chunk(b"data", raw)))
    assert sound.read().shape == (2, 3)
    assert (sound.mono() * 32768).tolist() == [135, pytest.approx(101 / 3)]
    assert (sound.mono(channel=1) * 32768).tolist() == [300, 100]
    assert (sound.mono(1, 2, channel=2) * 32768).tolist() == [101]
    with pytest.raises(ConfigError, match=r"a\.wav: there is no channel 3; choose from 0 to 2"):
        sound.mono(channel=3)


@given(st.data())
def test_any_span_is_that_of_the_whole(data):
    bits = data.draw(st.sampled_from([8, 16, 24, 32]))
    channels, samples = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 40))
    raw = data.draw(st.binary(min_size=samples * channels * bits // 8, max_size=samples * channels * bits // 8))
    sound = wav(riff(chunk(b"fmt ", form(channels=channels, bits=bits)), chunk(b"data", raw)))
    begin = data.draw(st.integers(0, samples))
    end = data.draw(st.integers(begin, samples))
    assert sound.read(begin, end).tobytes() == sound.read()[begin:end].tobytes()
    assert sound.mono(begin, end).tobytes() == sound.mono()[begin:end].tobytes()
    size = data.draw(st.integers(1, samples + 1))
    assert np.concatenate(list(sound.pieces(size))).tobytes() == sound.mono().tobytes()


@pytest.mark.parametrize("size", [0, -1])
def test_pieces_of_nothing_are_refused(size):
    sound = wav(riff(chunk(b"fmt ", form()), chunk(b"data", bytes(8))))
    with pytest.raises(ConfigError, match=f"a piece of {size} samples is empty; ask for 1 or more"):
        sound.pieces(size)


def test_a_span_is_read_without_the_rest(tmp_path):
    """Of a file with a hole of 3 GiB, more than a test may hold, one sample at its end."""
    path, samples = tmp_path / "long.wav", 3 << 29
    with path.open("wb") as file:
        file.write(riff(chunk(b"fmt ", form()), chunk(b"data", b"", 2 * samples)))
        file.truncate(44 + 2 * samples)
        file.seek(-2, os.SEEK_END)
        file.write(struct.pack("<h", 8192))
    with open_recording(path) as sound:
        assert sound.samples == samples
        assert sound.mono(samples - 2).tolist() == [0, 0.25]


def test_more_than_four_gibibytes_have_their_size_elsewhere():
    """RF64 (EBU Tech 3306): 0xFFFFFFFF where the size was, and the true one in ds64."""
    sizes = chunk(b"ds64", struct.pack("<QQQI", 0, 6, 3, 0))
    raw = struct.pack("<3h", 1, 2, 3)
    more = [chunk(b"data", raw, 0xFFFFFFFF), chunk(b"LIST", b"ab")]
    sound = wav(riff(sizes, chunk(b"fmt ", form()), *more, kind=b"RF64"))
    assert sound.stored()[:, 0].tolist() == [1, 2, 3]


class TestRefused:
    SOUND = struct.pack("<4h", 1, 2, 3, 4)

    def test_what_is_no_wav(self):
        for raw in (b"", b"RIFF", b"some text that goes on for a while", riff()[:8] + b"AVI "):
            refused(raw, "not a WAV, FLAC or Ogg")
        refused(b"RIFX" + riff()[4:], "the high byte first")
        refused(riff(), "ends before its sound begins")
        refused(riff(chunk(b"fmt ", form())), "ends before its sound begins")
        refused(riff(chunk(b"ds64", b"1234", 28), kind=b"RF64"), "ends before its sound begins")
        refused(riff(chunk(b"data", self.SOUND)), "data chunk comes before its fmt chunk")
        refused(riff(chunk(b"fmt ", form()[:14]), chunk(b"data", self.SOUND)), "14 bytes and not 16")

    def test_no_samples(self):
        refused(riff(chunk(b"fmt ", form()), chunk(b"data", b"")), "it has no samples")

    def test_a_size_that_is_wrong(self):
        head = chunk(b"fmt ", form())
        refused(riff(head, chunk(b"data", self.SOUND, 10)), "cut short, with 8 of 10 bytes")
        refused(riff(head, chunk(b"data", self.SOUND, 0)), "header does not have its length, and 8 bytes follow")
        refused(riff(head, chunk(b"data", self.SOUND, 0xFFFFFFFF)), "header does not have its length")
        refused(riff(head, chunk(b"data", self.SOUND[:7], 7)), "7 bytes of sound are not a whole number of samples")

    @pytest.mark.parametrize("codec", [2, 0x11, 0x55, 0x1234])
    def test_a_codec_by_its_name(self, codec):
        name = {2: "Microsoft ADPCM", 0x11: "IMA ADPCM", 0x55: "MP3"}.get(codec, "is not read")
        for head in (form(codec, bits=8), extensible(codec, 1, 8000, 8)):
            refused(riff(chunk(b"fmt ", head), chunk(b"data", self.SOUND)), rf"{codec:#06x}.*{name}")

    def test_a_form_that_cannot_be(self):
        for head, says in [
            (form(channels=0, whole=2), "0 channels"),
            (form(rate=0), "0 samples a second"),
            (form(bits=12, whole=2), "12 bits"),
            (form(bits=16, whole=3), "16 bits in 3 bytes"),
            (form(FLOAT, bits=16), "16 bits"),
            (extensible(PCM, 1, 8000, 16)[:-1] + b"\0", "0xfffe"),
        ]:
            refused(riff(chunk(b"fmt ", head), chunk(b"data", self.SOUND)), says)

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e300])
    def test_what_is_no_number(self, value):
        raw = np.array([[0, 0], [0, value]], "<f8").tobytes()
        sound = wav(riff(chunk(b"fmt ", form(FLOAT, 2, 8000, 64)), chunk(b"data", raw)))
        assert sound.read(0, 1).tolist() == [[0, 0]]
        with pytest.raises(DataError, match=r"^a\.wav: sample 1 \(0\.000 s\) of channel 1 is (nan|inf); repair"):
            sound.mono(1)

    def test_a_span_that_is_not_there(self):
        sound = wav(riff(chunk(b"fmt ", form()), chunk(b"data", self.SOUND)))
        for begin, end in [(-1, 2), (3, 2), (0, 5), (5, None)]:
            with pytest.raises(DataError, match=r"a\.wav: it has no samples from .* within 0 to 4"):
                sound.read(begin, end)

    def test_a_file_that_shrinks(self, tmp_path):
        path = tmp_path / "a.wav"
        path.write_bytes(riff(chunk(b"fmt ", form()), chunk(b"data", self.SOUND * 100_000)))  # more than a buffer
        with open_recording(path) as sound:
            path.write_bytes(path.read_bytes()[:-2])
            with pytest.raises(DataError, match="has become shorter"):
                sound.read()

    def test_a_file_that_is_not_there(self, tmp_path):
        with pytest.raises(DataError, match=r"nothing\.wav: it cannot be opened \(No such file"):
            open_recording(tmp_path / "nothing.wav")
        with pytest.raises(DataError, match="cannot be opened"):
            open_recording(tmp_path)


@given(st.binary(max_size=80), st.integers(0, 60), st.booleans())
def test_no_bytes_bring_it_down(noise, at, keep):
    """Whatever stands in a file, it is read or refused in words."""
    good = riff(chunk(b"fmt ", form()), chunk(b"data", struct.pack("<4h", 1, 2, 3, 4)))
    raw = good[:at] + noise + (good[at + len(noise) :] if keep else b"")
    with contextlib.suppress(DataError):
        wav(raw).read()


class TestSoundfile:
    """Against libsndfile, which also writes what only it can read."""

    @pytest.fixture(autouse=True)
    def library(self):
        self.soundfile = pytest.importorskip("soundfile", reason="the extra 'audio' is not installed")
        self.noise = np.random.default_rng(1).uniform(-1, 1, (1000, 2))

    @pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"])
    @pytest.mark.parametrize("kind", ["WAV", "WAVEX", "RF64"])
    def test_every_wav_that_it_writes(self, kind, subtype):
        file = io.BytesIO()
        self.soundfile.write(file, self.noise, 8000, format=kind, subtype=subtype)
        wanted, _ = self.soundfile.read(io.BytesIO(file.getvalue()), dtype="float32")
        assert wav(file.getvalue()).read().tobytes() == wanted.tobytes()

    @pytest.mark.parametrize("codec", ["ALAW", "ULAW"])
    def test_every_code_of_eight_bits(self, codec):
        raw = bytes(range(256))
        wanted, _ = self.soundfile.read(
            io.BytesIO(raw), dtype="float32", format="RAW", subtype=codec, channels=1, samplerate=8000
        )
        found = wav(riff(chunk(b"fmt ", form({"ALAW": ALAW, "ULAW": MULAW}[codec], bits=8)), chunk(b"data", raw)))
        assert np.array_equal(found.mono(), wanted)

    def test_flac_and_ogg(self, tmp_path):
        for name, subtype, far in [("a.flac", "PCM_16", 2**-15), ("a.ogg", "VORBIS", 1)]:
            self.soundfile.write(tmp_path / name, self.noise * 0.5, 16000, subtype=subtype)
            with open_recording(tmp_path / name) as sound:
                assert (sound.samples, sound.rate, sound.channels) == (1000, 16000, 2)
                assert np.abs(sound.read() - self.noise * 0.5).max() < far
                assert sound.mono(10, 20).tobytes() == sound.mono()[10:20].tobytes()
                with pytest.raises(DataError, match="no samples from"):
                    sound.read(0, 1001)

    def test_what_it_cannot_decode(self, tmp_path):
        self.soundfile.write(tmp_path / "a.flac", self.noise, 16000)
        raw = (tmp_path / "a.flac").read_bytes()
        for bad in (raw[:40], b"fLaC" + b"\0" * 100):
            (tmp_path / "b.flac").write_bytes(bad)
            with pytest.raises(DataError, match=r"b\.flac: it (cannot be decoded|is cut short|has no samples)"):
                open_recording(tmp_path / "b.flac").read()

    @pytest.mark.parametrize(
        ("claimed", "says"), [(0, "header does not have its length"), (2**36 - 1, "(cannot be decoded|is cut short)")]
    )
    def test_a_length_that_is_wrong(self, tmp_path, claimed, says):
        """The last 36 of 144 bits of STREAMINFO before its checksum (RFC 9639, section 8.2); 0 where it is unknown."""
        path = tmp_path / "a.flac"
        self.soundfile.write(path, self.noise, 16000)
        raw = bytearray(path.read_bytes())
        raw[21] = raw[21] & 0xF0 | claimed >> 32
        raw[22:26] = (claimed & 0xFFFFFFFF).to_bytes(4, "big")
        path.write_bytes(raw)
        with pytest.raises(DataError, match=rf"a\.flac: .*{says}"):
            open_recording(path).read()


def test_without_the_extra_it_is_named(tmp_path, monkeypatch):
    (tmp_path / "a.flac").write_bytes(b"fLaC" + b"\0" * 40)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"a\.flac: .* need an extra; install it: pip install 'ostinato\[audio\]'"):
        open_recording(tmp_path / "a.flac")


def test_importing_it_brings_no_torch():
    code = "import sys, ostinato.audio; print([m for m in ('torch', 'soundfile') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"

"""The reader of a live sound: what chunks may be, at which rate, and what is refused."""

import copy

import numpy as np
import pytest

from ostinato.audio import FrameReader, Resampler, features
from ostinato.errors import ConfigError, DataError, StreamError

SOUND = np.random.default_rng(1).integers(-20000, 20000, 3000).astype(np.int16)
FBANK = features.build({"name": "fbank", "rate": 8000, "bands": 10})


def heard(reader, chunks):
    return np.concatenate([*(reader.read(chunk) for chunk in chunks), reader.read(b"", final=True)])


def test_bytes_integers_and_floats_are_the_same_sound():
    wanted = FBANK.whole(SOUND)
    raw = SOUND.astype("<i2").tobytes()
    assert wanted.shape == (FBANK.count(3000), 10)
    for chunks in (
        [SOUND[:700], SOUND[700:]],
        [SOUND[:700] / 32768, (SOUND[700:] / 32768).astype(np.float32)],
        [raw[:701], raw[701:]],
        [raw[:1001], raw[1001:1400], SOUND[700:]],
    ):
        assert heard(FrameReader(FBANK), chunks).tobytes() == wanted.tobytes()


@pytest.mark.parametrize("rate", [16000, 11025])
def test_another_rate_is_resampled(rate):
    wanted = FBANK.whole(Resampler(rate, 8000).whole(SOUND))
    reader = FrameReader(FBANK, rate)
    assert heard(reader, np.array_split(SOUND, 17)).tobytes() == wanted.tobytes()


def test_a_copy_goes_on_by_itself():
    reader = FrameReader(FBANK, 16000)
    reader.read(SOUND[:1000].astype("<i2").tobytes() + b"\1")
    other = copy.copy(reader)
    other.read(b"\2" * 999)
    other.read(b"", final=True)
    reader.read(b"\0")
    again = FrameReader(FBANK, 16000)
    again.read(np.append(SOUND[:1000], np.int16(1)))
    assert heard(reader, [SOUND[1000:]]).tobytes() == heard(again, [SOUND[1000:]]).tobytes()


def test_a_rate_that_cannot_be_is_said():
    with pytest.raises(ConfigError, match="0 to 8000 samples a second; choose positive rates"):
        FrameReader(FBANK, 0)


def test_what_is_refused_names_its_place():
    reader = FrameReader(FBANK)
    reader.read(SOUND[:100])
    for bad, says in [
        (np.array([0.0, np.inf]), "sample 101 is inf"),
        (np.zeros((2, 2)), r"float64 \[2, 2\]"),
        (np.zeros(3, np.int64), "int64"),
        ("text", "<U4"),
    ]:
        with pytest.raises(DataError, match=f"^sound: .*{says}"):
            reader.read(bad)
    reader.read(b"\1")
    with pytest.raises(DataError, match="sample 100 has one byte of two; send its other byte first"):
        reader.read(SOUND[:5])
    with pytest.raises(DataError, match="sample 100 has one byte of two; send whole samples"):
        reader.read(b"", final=True)
    reader.read(b"\0", final=True)
    with pytest.raises(StreamError, match="closed by its final chunk"):
        reader.read(b"")

"""Resampling: a tone stays that tone or vanishes, and however the sound is cut it comes to the same bits."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostinato.audio import Resampler
from ostinato.errors import ConfigError, DataError

RATES = [(8000, 16000), (16000, 8000), (44100, 16000), (48000, 16000), (16000, 44100), (11025, 8000), (8000, 11025)]


def tone(hz, rate, samples):
    return np.sin(2 * np.pi * hz * np.arange(samples) / rate + 0.3)


def decibels(amplitude):
    return 20 * math.log10(max(amplitude, 1e-12))


@pytest.mark.parametrize(("source", "target"), RATES)
@pytest.mark.parametrize("share", [0.003, 0.1, 0.5, 0.8, 0.91])
def test_a_tone_below_stays(source, target, share):
    """The same sine at the other rate, to 80 dB, where the silence around the recording is out of reach."""
    hz = share * min(source, target) / 2
    found = Resampler(source, target).whole(tone(hz, source, source // 4))
    inner = slice(len(found) // 4, -len(found) // 4)
    wanted = tone(hz, target, len(found))
    assert decibels(np.abs(found - wanted)[inner].max()) < -80


@pytest.mark.parametrize(("source", "target"), [pair for pair in RATES if pair[0] > pair[1]])
@pytest.mark.parametrize("share", [1.0001, 1.02, 1.2, 1.35])
def test_a_tone_above_vanishes(source, target, share):
    found = Resampler(source, target).whole(tone(share * target / 2, source, source // 4))
    assert decibels(np.abs(found[len(found) // 4 : -len(found) // 4]).max()) < -80


def test_a_constant_stays_and_silence_is_around():
    found = Resampler(16000, 8000).whole(np.ones(4000))
    assert found[1000] == 1
    assert found[0] < 0.9  # half of the filter hears the silence before


@given(st.data())
def test_it_is_the_sum_that_defines_it(data):
    """Each sample as a sum over all samples of a windowed sinc, whose weights come to 1."""
    source, target = data.draw(st.sampled_from([(3, 2), (2, 3), (5, 1), (1, 4), (7, 5)]))
    sound = np.random.default_rng(1).uniform(-1, 1, data.draw(st.integers(1, 60))).astype(np.float32)
    found = Resampler(source * 1000, target * 1000).whole(sound)
    assert len(found) == math.ceil(len(sound) * target / source)
    scale = min(1, target / source)
    reach = math.ceil(64 / scale)
    for m in data.draw(st.lists(st.integers(0, len(found) - 1), min_size=1, max_size=3)):
        place = m * source / target
        near = np.arange(math.floor(place) - reach, math.floor(place) + reach + 1)
        away = (near - place) * scale
        weight = np.sinc(0.955 * away) * np.i0(8.96 * np.sqrt(np.maximum(0, 1 - (away / 64) ** 2)))
        inside = (near >= 0) & (near < len(sound))
        wanted = (weight[inside] / weight.sum()) @ sound[near[inside]]
        assert found[m] == pytest.approx(wanted, abs=1e-6)


@given(st.data())
def test_any_cutting_gives_the_whole(data):
    source, target = data.draw(st.sampled_from([*RATES, (8000, 8000)]))
    resampler = Resampler(source, target)
    sound = np.random.default_rng(2).uniform(-1, 1, data.draw(st.integers(0, 1500))).astype(np.float32)
    ends = sorted(data.draw(st.lists(st.integers(0, len(sound)), max_size=8)))
    state, made, heard = resampler.initial(), [], 0
    for number, (a, b) in enumerate(zip([0, *ends], [*ends, len(sound)])):
        final = number == len(ends)
        new, state = resampler.advance(state, sound[a:b], final)
        made.append(new)
        heard += b - a
        if not final:  # sample m is there once `latency` samples behind its place have come
            assert sum(map(len, made)) == max(0, resampler.count(heard - resampler.latency))
    assert np.concatenate(made).tobytes() == resampler.whole(sound).tobytes()
    assert sum(map(len, made)) == resampler.count(len(sound)) == math.ceil(len(sound) * target / source)


def test_the_same_rate_changes_nothing():
    sound = np.random.default_rng(3).uniform(-1, 1, 100).astype(np.float32)
    assert Resampler(8000, 8000).whole(sound).tobytes() == sound.tobytes()
    assert Resampler(8000, 8000).latency == 0


def test_a_piece_longer_than_is_done_at_once():
    sound = np.random.default_rng(4).uniform(-1, 1, 40_000).astype(np.float32)
    resampler = Resampler(8000, 16000)
    first, state = resampler.advance(resampler.initial(), sound[:11])
    rest, _ = resampler.advance(state, sound[11:], final=True)
    assert np.concatenate([first, rest]).tobytes() == resampler.whole(sound).tobytes()


def test_what_cannot_be_is_said():
    with pytest.raises(ConfigError, match="192000 and 191999 have too little in common"):
        Resampler(192_000, 191_999)
    for rate in (0, -8000):
        with pytest.raises(ConfigError, match="positive"):
            Resampler(rate, 8000)
    with pytest.raises(DataError, match="sample 1 is nan"):
        Resampler(16000, 8000).whole(np.array([0, np.nan]))

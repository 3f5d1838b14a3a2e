"""Frames against their slow definitions, against Kaldi's own code, and however the sound is cut."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostinato.audio import features
from ostinato.audio.fbank import Fbank
from ostinato.data.catalog import catalog
from ostinato.data.catalog.base import Folder
from ostinato.errors import ConfigError, DataError

WINDOWS = ["povey", "hann", "hamming", "rectangular"]


def noise(samples, seed=0, loudness=0.1):
    return (np.random.default_rng(seed).standard_normal(samples) * loudness).astype(np.float32)


def tapered(sound, begin, length, window, preemphasis=0.97, remove_mean=True):
    """One window by its definition, sample by sample, the sound reflected at its ends."""
    n = len(sound)
    frame = []
    for i in range(begin, begin + length):
        while not 0 <= i < n:
            i = -i - 1 if i < 0 else 2 * n - 1 - i
        frame.append(float(sound[i]))
    mean = sum(frame) / length if remove_mean else 0.0
    frame = [x - mean for x in frame]
    frame = [x - preemphasis * before for x, before in zip(frame, [frame[0], *frame])]
    c = [(1 - math.cos(2 * math.pi * i / (length - 1))) / 2 for i in range(length)]
    shape = {"povey": lambda c: c**0.85, "hann": lambda c: c, "hamming": lambda c: 0.54 - 0.46 * (1 - 2 * c)}
    return [x * shape.get(window, lambda c: 1.0)(c) for x, c in zip(frame, c)]


def power(frame, fft):
    """|X_k|² by the sum that defines it."""
    turn = np.exp(-2j * np.pi * np.outer(np.arange(fft // 2 + 1), np.arange(len(frame))) / fft)
    return np.abs(turn @ np.array(frame)) ** 2


def triangles(rate, fft, bands, low, high):
    """Weights [bands, fft / 2 + 1] by their definition."""
    scale = lambda hz: 1127 * math.log(1 + hz / 700)  # noqa: E731
    edge = [scale(low) + i * (scale(high) - scale(low)) / (bands + 1) for i in range(bands + 2)]
    weights = np.zeros((bands, fft // 2 + 1))
    for b in range(bands):
        for k in range(fft // 2):
            at = scale(k * rate / fft)
            rising = (at - edge[b]) / (edge[b + 1] - edge[b])
            falling = (edge[b + 2] - at) / (edge[b + 2] - edge[b + 1])
            weights[b, k] = max(0.0, min(rising, falling))
    return weights


@pytest.mark.parametrize("kind", ["inside", "centred"])
@pytest.mark.parametrize("window", WINDOWS)
def test_they_are_their_slow_definition(kind, window):
    rate, length, step, fft = 4000, 75, 30, 128
    sound = noise(400)
    framing = {"name": kind, "window_ms": 18.75, "step_ms": 7.5, "window": window}
    starts = [t * step + (step // 2 - length // 2 if kind == "centred" else 0) for t in range(400)]
    last = 400 - length if kind == "inside" else 400 - step // 2 - length // 2 + step // 2
    powers = np.array([power(tapered(sound, begin, length, window), fft) for begin in starts if begin <= last])
    for table, wanted in [
        ({"name": "spectrogram", "framing": framing}, powers),
        ({"name": "fbank", "bands": 9, "low_hz": 100, "high_hz": -200.0, "framing": framing},
         powers @ triangles(rate, fft, 9, 100, 1800).T),
    ]:  # fmt: skip
        found = features.build(table | {"rate": rate}).whole(sound)
        assert found.shape == wanted.shape
        # Windows and weights are in float32: their noise is 1e-6 of the loudest amplitude at most.
        far = np.abs(np.exp(found.astype(np.float64)) - np.maximum(wanted, 2**-23))
        assert (far <= 3e-5 * wanted + 1e-6 * np.sqrt(wanted * powers.max(axis=1, keepdims=True))).all()


def test_options_do_what_they_say():
    sound = noise(400) + np.float32(0.3)
    framing = {"name": "inside", "window_ms": 16.0, "step_ms": 20.0, "fft": 100}
    framing |= {"preemphasis": 0.5, "remove_mean": False}
    made = features.build({"name": "spectrogram", "rate": 4000, "floor": 0.01, "framing": framing})
    assert (made.width, made.step, made.latency) == (51, 80, 64)
    wanted = [power(tapered(sound, 80 * t, 64, "povey", 0.5, False), 100) for t in range(5)]
    np.testing.assert_allclose(made.whole(sound), np.log(np.maximum(wanted, 0.01)), atol=3e-5)
    assert made.whole(sound).min() == np.float32(math.log(0.01))


def test_silence_is_at_the_floor():
    found = features.build({"name": "fbank"}).whole(np.zeros(800))
    assert np.array_equal(found, np.full((3, 80), np.float32(math.log(2**-23))))


def test_dither_is_noise_of_the_size_asked_for():
    """Only the noise is heard in silence: white, so each |X_k|² is 400 σ² on average; another seed is other noise."""
    table = {"name": "inside", "window": "rectangular", "preemphasis": 0.0, "remove_mean": False, "dither": 0.01}
    tables = [{"name": "spectrogram", "floor": 1e-30, "framing": table | {"seed": seed}} for seed in (1, 2)]
    made = [features.build(table).whole(np.zeros(80_000)) for table in tables]
    mean = np.exp(made[0].astype(np.float64))[:, 1:-1].mean()
    assert mean == pytest.approx(400 * 0.01**2, rel=0.02)
    assert not np.isclose(made[0], made[1]).any(axis=1).all()
    assert len({row.tobytes() for row in made[0]}) == len(made[0])


def test_deltas_are_slopes():
    """The slope of a line fitted to five frames; the second, that of the slopes; ends stand again and again."""
    inner = {"name": "fbank", "rate": 4000, "bands": 6}
    sound = noise(1000)
    still = features.build(inner).whole(sound).astype(np.float64)
    found = features.build({"name": "deltas", "of": inner}).whole(sound)
    padded = np.pad(still, [(4, 4), (0, 0)], mode="edge")
    slope = np.array([np.polyfit(range(5), padded[t : t + 5], 1)[0] for t in range(len(padded) - 4)])
    again = np.array([np.polyfit(range(5), slope[t : t + 5], 1)[0] for t in range(len(slope) - 4)])
    np.testing.assert_allclose(found, np.concatenate([still, slope[2:-2], again], axis=1), atol=1e-5)


@given(st.data())
def test_any_cutting_gives_the_whole(data):
    """The law of streams, over random options and cuts, empty chunks among them: the same bits."""
    framing = {
        "name": data.draw(st.sampled_from(["inside", "centred"])),
        "window_ms": data.draw(st.floats(2, 40)),
        "step_ms": data.draw(st.floats(1, 50)),
        "window": data.draw(st.sampled_from(WINDOWS)),
        "dither": data.draw(st.sampled_from([0.0, 0.01])),
    }
    table = {"name": "spectrogram", "rate": 4000, "framing": framing}
    if data.draw(st.booleans()):
        table = table | {"name": "fbank", "bands": 3}
    if data.draw(st.booleans()):
        table = {"name": "deltas", "of": table}
    sound = noise(data.draw(st.integers(0, 1500)))
    made = features.build(table)
    ends = sorted(data.draw(st.lists(st.integers(0, len(sound)), max_size=8)))
    ends = sorted([*ends, *(end + 1 for end in ends if end < len(sound))])  # a chunk of one sample after each
    chunks = [sound[a:b] for a, b in zip([0, *ends], [*ends, len(sound)])]
    state, frames = made.initial(), []
    for number, chunk in enumerate(chunks):
        new, state = made.advance(state, chunk, number == len(chunks) - 1)
        frames.append(new)
    assert np.concatenate(frames).tobytes() == made.whole(sound).tobytes()


class TestKaldi:
    """kaldi-native-fbank is Kaldi's code made into a library: samples in [-1, 1), dither off."""

    @pytest.fixture(autouse=True)
    def library(self):
        self.knf = pytest.importorskip("kaldi_native_fbank", reason="kaldi-native-fbank is not installed")

    def theirs(self, sound, rate, bands, centred=False, window="povey", **changes):
        options = self.knf.FbankOptions()
        options.frame_opts.samp_freq, options.frame_opts.dither = rate, 0
        options.frame_opts.snip_edges = not centred
        options.frame_opts.window_type = {"hann": "hanning"}.get(window, window)
        options.mel_opts.num_bins = bands
        for name, value in changes.items():
            setattr(options.mel_opts if name.endswith("freq") else options.frame_opts, name, value)
        computer = self.knf.OnlineFbank(options)
        computer.accept_waveform(rate, sound.tolist())
        computer.input_finished()
        frames = [computer.get_frame(i) for i in range(computer.num_frames_ready)]
        return np.array(frames, np.float32).reshape(-1, bands)

    def ours(self, rate, bands, centred=False, window="povey", **changes):
        framing = {"name": "centred" if centred else "inside", "window": window} | changes
        return features.build({"name": "fbank", "rate": rate, "bands": bands, "framing": framing})

    def check(self, made, sound, wanted):
        """Within 1e-4 but where a band is 50 dB and more below the loudest frequency of its frame: there the noise of
        their single-precision transform shows; with theirs in the place of ours, little but the last bit of a weight
        differs."""
        found = made.whole(sound)
        assert found.shape == wanted.shape
        if not len(found):
            return
        windows, _ = made.framing.advance(made.framing.initial(), sound, True)
        transform = self.knf.Rfft(made.framing.fft)
        powers = np.array([packed_power(transform.compute(window.tolist())) for window in windows])
        by_theirs = np.log(np.maximum(made.energies(powers.T), 2**-23)).T
        assert np.abs(by_theirs - wanted).max() < 5e-5
        loud = np.exp(found) > 1e-5 * powers.max(axis=1, keepdims=True)
        assert loud.mean() > 0.95
        assert np.abs(found - wanted)[loud].max() < 1e-4
        assert np.abs(found - wanted).max() < 2e-3

    @pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000])
    @pytest.mark.parametrize("centred", [False, True])
    @pytest.mark.parametrize("bands", [23, 40, 80])
    def test_random_sound(self, rate, centred, bands):
        sound = noise(rate // 2 + 77, bands)
        self.check(self.ours(rate, bands, centred), sound, self.theirs(sound, rate, bands, centred))

    @pytest.mark.parametrize("window", WINDOWS)
    def test_every_window_and_option(self, window):
        sound = noise(9000) + np.float32(0.01)
        for ours, theirs in [
            ({"window_ms": 32.0, "step_ms": 12.5}, {"frame_length_ms": 32, "frame_shift_ms": 12.5}),
            ({"preemphasis": 0.0, "remove_mean": False}, {"preemph_coeff": 0, "remove_dc_offset": False}),
        ]:
            wanted = self.theirs(sound, 16000, 40, window=window, **theirs)
            self.check(self.ours(16000, 40, window=window, **ours), sound, wanted)

    def test_other_frequencies(self):
        sound = noise(9000)
        made = features.build({"name": "fbank", "bands": 20, "low_hz": 300, "high_hz": -2000.0})
        self.check(made, sound, self.theirs(sound, 16000, 20, low_freq=300, high_freq=-2000))

    @pytest.mark.parametrize("samples", [0, 1, 39, 40, 41, 79, 100, 101, 199, 200, 201, 279, 280])
    def test_short_sound(self, samples):
        """Reflected more than once where it is shorter than half a window."""
        sound = noise(samples)
        for centred in (False, True):
            self.check(self.ours(8000, 23, centred), sound, self.theirs(sound, 8000, 23, centred))

    def test_recorded_digits(self, data):
        """Every tenth test recording."""
        rows = catalog["fsdd"].rows(Folder(data / "fsdd"), "test")
        for number, row in enumerate(rows):
            if number % 10 == 0:
                sound = (row["samples"] / 32768).astype(np.float32)
                for bands in (23, 40):
                    self.check(self.ours(8000, bands), sound, self.theirs(sound, 8000, bands))


def packed_power(values):
    """|X_k|² of X_0, X_n/2, and then the real and imaginary parts of the others, in turn."""
    values = np.array(values)
    return np.concatenate([values[:1] ** 2, values[2::2] ** 2 + values[3::2] ** 2, values[1:2] ** 2])


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"name": "fbnk"}, "no feature 'fbnk'; did you mean 'fbank'"),
        ({"name": "fbank", "framing": {"name": "snip"}}, "there is no framing 'snip'; choose from"),
        ({"name": "fbank", "rate": 8000, "high_hz": 5000.0}, "20 to 5000 Hz are not within 0 to 4000"),
        ({"name": "fbank", "low_hz": 9000}, "not within 0 to 8000"),
        ({"name": "fbank", "rate": 8000, "bands": 120}, r"band \d+ of 120 is narrower than the 31.25 Hz"),
        ({"name": "spectrogram", "framing": {"name": "inside", "fft": 256}}, "256 must be even and at least .* 400"),
        ({"name": "spectrogram", "framing": {"name": "inside", "fft": 401}}, "401 must be even"),
        ({"name": "spectrogram", "framing": {"name": "inside", "step_ms": 0.05}}, "400 and 0 samples at a rate of 160"),
        ({"name": "spectrogram", "framing": {"name": "inside", "window_ms": 0.1}}, "1 and 160 samples"),
    ],
)
def test_what_cannot_be_is_said(table, says):
    with pytest.raises(ConfigError, match=says):
        features.build(table)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"bands": 0}, r"fbank\.bands: 0 bands are too few"),
        ({"floor": 0.0}, "floor: 0 has no logarithm; choose a small number above 0"),
        ({"floor": math.nan}, "floor: nan"),
        ({"low_hz": -5.0}, "bands from -5 to 8000 Hz are not within 0 to 8000"),
        ({"rate": 0}, "rate: 0 samples a second"),
    ],
)
def test_what_cannot_be_is_said_in_python_too(options, says):
    with pytest.raises(ConfigError, match=says):
        Fbank(**options)


def test_what_is_no_sound_is_said():
    made = features.build({"name": "fbank"})
    for bad, says in [
        (np.zeros((2, 3)), r"float64 \[2, 3\] was passed"),
        (np.zeros(5, np.int32), "int32"),
        ([1, 2], "int64"),
        (np.array([0, 0, np.nan]), "sample 2 is nan"),
        (np.array([0, 1e300]), "sample 1 is 1e\\+300"),
        (np.array([0, 255, -3021.0, 9999]), "sample 2 is -3021; .* divided by 32768"),
    ]:
        with pytest.raises(DataError, match=f"^sound: .*{says}"):
            made.whole(bad)

"""Every registered way from sound to frames obeys every law of theirs, whatever the framing."""

import numpy as np
import pytest

from ostinato.audio import Deltas, Fbank, Spectrogram, features, framings
from ostinato.testing.features import LAWS

FRAMED = [
    {"name": name, "rate": 4000, "framing": framing}
    for name in ("fbank", "spectrogram")
    for framing in [
        *({"name": kind, **framings[kind].example} for kind in framings.names()),
        {"name": "inside", "window_ms": 8.0, "step_ms": 12.0, "fft": 50},  # steps over samples
        {"name": "centred", "window_ms": 9.25, "step_ms": 2.25, "remove_mean": False, "preemphasis": 0.0},  # both odd
        {"name": "centred", "window_ms": 8.0, "step_ms": 12.0, "dither": 0.001, "seed": 3},
    ]
]
FRAMED = [table | ({"bands": 5} if table["name"] == "fbank" else {}) for table in FRAMED]
TABLES = [*(features.example(name) for name in features.names()), *FRAMED, {"name": "deltas", "of": FRAMED[1]}]


@pytest.mark.parametrize("table", TABLES, ids=str)
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law(table, law):
    law(features.build(table))


class RoundsByNumber(Fbank):
    """Its matrix product takes another way for one frame than for several."""

    def advance(self, state, samples, final=False):
        frames, state = super().advance(state, samples, final)
        return frames * np.float32(1 + 1e-7 * min(2, len(frames))), state


class DropsTheRest(Fbank):
    def advance(self, state, samples, final=False):
        return super().advance(self.initial(), samples, final)


class CountsOneMore(Spectrogram):
    def count(self, samples):
        return super().count(samples) + (samples > self.latency)


class LogOfZero(Spectrogram):
    def __init__(self):
        super().__init__(4000)
        self.floor = 0.0

    def advance(self, state, samples, final=False):
        with np.errstate(divide="ignore"):
            return super().advance(state, samples, final)


class FrameOfNothing(Spectrogram):
    def advance(self, state, samples, final=False):
        frames, state = super().advance(state, samples, final)
        return (np.zeros((1, self.width), np.float32), state) if final and state.read == 0 else (frames, state)


class PromisesTooSoon(Fbank):
    def __init__(self):
        super().__init__(4000, 5)
        self.latency -= 1


class KeepsItToItself(Deltas):
    """Its state is where it writes."""

    def advance(self, state, samples, final=False):
        frames, new = super().advance(state, samples, final)
        if len(state.pending) == len(new.pending):
            state.pending[:] = new.pending
        return frames, new


WRONG = [
    (lambda: RoundsByNumber(4000, 5), "any_cutting_gives_the_whole"),
    (lambda: DropsTheRest(4000, 5), "any_cutting_gives_the_whole"),
    (lambda: DropsTheRest(4000, 5), "a_reader_leaves_no_trace"),
    (lambda: CountsOneMore(4000), "frames_are_counted"),
    (LogOfZero, "frames_are_counted"),
    (lambda: FrameOfNothing(4000), "nothing_has_no_frames"),
    (PromisesTooSoon, "frames_come_when_they_are_due"),
    (lambda: KeepsItToItself(features.spec(FRAMED[1])), "a_state_is_not_changed"),
]


@pytest.mark.parametrize(("make", "name"), WRONG)
def test_wrong_features_are_refused(make, name):
    with pytest.raises(AssertionError):
        next(law for law in LAWS if law.__name__ == name)(make())


def test_every_law_refuses_something():
    assert {law.__name__ for law in LAWS} == {name for _, name in WRONG}

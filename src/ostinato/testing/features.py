"""Laws of Features, an acoustic front end. Each takes one and raises AssertionError with the difference."""

import copy
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, Final, TypeAlias

import numpy as np

from ostinato.audio import Features, FrameReader
from ostinato.errors import DataError, StreamError

Law: TypeAlias = Callable[[Features], None]

STEPS: Final = 8
"""The laws' sound lasts this many steps and a half."""


def any_cutting_gives_the_whole(features: Features) -> None:
    """Single samples, empty chunks and random cuts give the same bits as the whole sound."""
    sound = sound_for(features)
    expected = features.whole(sound)
    for parts in _cuttings(sound, len(sound)):
        frames = _heard(features, parts)
        assert frames.shape == expected.shape, (
            f"in {len(parts)} chunks there are {frames.shape} frames, not {expected.shape}"
        )
        assert frames.tobytes() == expected.tobytes(), (
            f"in {len(parts)} chunks they differ by {_gap(frames, expected):.2e}"
        )


def frames_are_counted(features: Features) -> None:
    """A recording of any length has `count` frames, float32 [T width] and finite."""
    sound = sound_for(features)
    for length in (*range(3), features.step // 2, features.step, features.latency - 1, features.latency, len(sound)):
        frames = features.whole(sound[: max(0, length)])
        shape = (features.count(max(0, length)), features.width)
        assert frames.shape == shape, f"{length} samples have frames of {frames.shape}, not {shape}"
        assert frames.dtype == np.float32, f"frames are {frames.dtype}"
    for quiet in (sound * 0, sound * 0 + 0.5, np.sign(sound)):
        assert np.isfinite(features.whole(quiet)).all(), "silence, a constant or the loudest sound has no finite frames"


def nothing_has_no_frames(features: Features) -> None:
    """An empty chunk and an empty recording have no frames."""
    empty = np.zeros(0, np.float32)
    assert features.count(0) == 0, f"nothing has {features.count(0)} frames"
    for final in (False, True):
        frames, _ = features.advance(features.initial(), empty, final)
        assert frames.shape == (0, features.width), f"nothing has {frames.shape} frames"


def frames_come_when_they_are_due(features: Features) -> None:
    """Frame t comes after exactly t · step + latency samples."""
    sound, state, given = sound_for(features), features.initial(), 0
    for heard, sample in enumerate(sound, 1):
        frames, state = features.advance(state, np.array([sample], np.float32))
        given += len(frames)
        due = max(0, (heard - features.latency) // features.step + 1)
        assert given == due, f"after {heard} samples there are {given} frames, and {due} are due"


def a_state_is_not_changed(features: Features) -> None:
    """A state is not changed in place: continuing from it twice gives the same frames twice."""
    sound = sound_for(features)
    half = len(sound) // 2
    _, state = features.advance(features.initial(), sound[:half])
    first, _ = features.advance(state, sound[half:].copy(), final=True)
    features.advance(state, -sound)
    again, _ = features.advance(state, sound[half:].copy(), final=True)
    assert first.tobytes() == again.tobytes(), "a state was changed by what was heard after it"


def a_reader_leaves_no_trace(features: Features) -> None:
    """A FrameReader gives the same frames however its bytes (16-bit samples) are cut; a copy and a refused chunk leave
    it unchanged; after its final chunk it refuses any other."""
    pcm = np.round(sound_for(features) * 30000).astype("<i2")
    expected, raw = features.whole(pcm.astype(np.int16)), pcm.tobytes()
    for parts in _cuttings(raw, 301):
        reader, frames = FrameReader(features), []
        for number, part in enumerate(parts):
            if number % 100 < 3:
                copy.copy(reader).read(b"some other sound " * 40)
                assert _refuses(lambda reader=reader: reader.read(np.full(7, np.nan))), "a sound of NaN was heard"
            frames.append(reader.read(part))
        frames.append(reader.read(b"", final=True))
        assert np.concatenate(frames).tobytes() == expected.tobytes(), f"in {len(parts)} chunks of bytes it differs"
        assert _refuses(lambda reader=reader: reader.read(b"")), "a closed reader took a chunk"


LAWS: Final[tuple[Law, ...]] = (
    any_cutting_gives_the_whole,
    frames_are_counted,
    nothing_has_no_frames,
    frames_come_when_they_are_due,
    a_state_is_not_changed,
    a_reader_leaves_no_trace,
)


def sound_for(features: Features) -> Any:
    """Noise of rising amplitude over a tone of 300 Hz, `STEPS` steps and a half long: float32 [samples] in [-1, 1)."""
    length = features.latency + STEPS * features.step + features.step // 2
    time = np.arange(length) / features.rate
    noise = np.random.default_rng(3).uniform(-0.5, 0.5, length) * np.linspace(0, 1, length)
    return (noise + 0.3 * np.sin(2 * np.pi * 300 * time)).astype(np.float32)


def _cuttings(whole: Any, singly: int) -> Iterator[list[Any]]:
    yield [*(whole[i : i + 1] for i in range(singly)), whole[singly:]]
    chance = np.random.default_rng(5)
    for cuts in (0, 2, 5, 9, 40):
        ends = sorted(chance.integers(0, len(whole) + 1, cuts).tolist())
        yield [whole[a:b] for a, b in pairwise([0, *ends[:1], *ends, len(whole)])]  # one of them is empty


def _heard(features: Features, parts: list[Any]) -> Any:
    state, frames = features.initial(), []
    for part in parts:
        new, state = features.advance(state, part)
        frames.append(new)
    last, _ = features.advance(state, np.zeros(0, np.float32), final=True)
    return np.concatenate([*frames, last])


def _gap(frames: Any, expected: Any) -> float:
    return float(np.abs(frames - expected).max()) if frames.size else 0.0


def _refuses(call: Callable[[], object]) -> bool:
    try:
        call()
    except (DataError, StreamError):
        return True
    return False

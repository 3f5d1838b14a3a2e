"""Statistics: exact sums, the same bits in any order, and saved as text."""

import json
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostinato.audio import Statistics
from ostinato.errors import DataError


def corpus(frames=500, width=4, seed=0):
    return (np.random.default_rng(seed).standard_normal((frames, width)) * 3 - 8).astype(np.float32)


def test_they_are_the_mean_and_the_deviation():
    frames = corpus(3000)
    found = Statistics.empty(4).add(frames)
    assert found.frames == 3000
    np.testing.assert_allclose(found.mean, frames.mean(axis=0, dtype=np.float64), atol=1e-6)
    np.testing.assert_allclose(found.std, frames.std(axis=0, dtype=np.float64), rtol=1e-5)
    normal = found.normalize(frames)
    assert normal.dtype == np.float32
    np.testing.assert_allclose(normal.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(normal.std(axis=0), 1, atol=1e-5)


def test_nothing_is_lost_where_the_mean_is_large():
    """A deviation of 2^-8 about 1000, in exact fractions; sums of squares in floats would have no digit left of it."""
    frames = np.array([[1000.0], [1000.0 + 2**-7]] * 500, np.float32)
    found = Statistics.empty(1).add(frames)
    assert (found.mean[0], found.std[0]) == (1000 + 2**-8, 2**-8)


@given(st.data())
def test_any_order_and_any_cutting_gives_the_same(data):
    frames = corpus(data.draw(st.integers(0, 60)))
    ends = sorted(data.draw(st.lists(st.integers(0, len(frames)), max_size=5)))
    parts = [frames[a:b] for a, b in zip([0, *ends], [*ends, len(frames)])]
    parts = data.draw(st.permutations(parts))
    half = data.draw(st.integers(0, len(parts)))
    sums = []
    for some in (parts[:half], parts[half:]):  # as by two processes
        total = Statistics.empty(4)
        for part in some:
            total = total.add(part)
        sums.append(Statistics.from_json(total.to_json()))
    assert sums[0] + sums[1] == sums[1] + sums[0] == Statistics.empty(4).add(frames)


def test_sums_are_exact():
    frames = corpus(2500, 2)
    found = Statistics.empty(2).add(frames)
    for number in range(2):
        units = [round(Fraction(float(value)) * 2**16) for value in frames[:, number]]  # halves to even, as rint
        assert (found.sums[number], found.squares[number]) == (sum(units), sum(unit * unit for unit in units))


def test_normalizing_does_not_depend_on_the_cut():
    frames = corpus(50)
    found = Statistics.empty(4).add(frames)
    pieces = [found.normalize(frames[i : i + 1]) for i in range(50)]
    assert np.concatenate(pieces).tobytes() == found.normalize(frames).tobytes()


def test_what_never_changes_only_loses_its_mean():
    frames = corpus()
    frames[:, 1] = -15.942385
    normal = Statistics.empty(4).add(frames).normalize(frames)
    assert np.isfinite(normal).all()
    np.testing.assert_allclose(normal[:, 1], 0, atol=1e-5)


def test_they_are_saved_as_text():
    found = Statistics.empty(4).add(corpus())
    again = Statistics.from_json(found.to_json())
    assert again == found
    assert again.mean.tobytes() == found.mean.tobytes()
    assert again.std.tobytes() == found.std.tobytes()


@pytest.mark.parametrize(
    "change",
    [
        {"unit": 1}, {"frames": -1}, {"frames": 2.5}, {"frames": None}, {"sums": [1, 2]}, {"sums": [0.5] * 4},
        {"sums": 3}, {"squares": [0] * 4}, {"squares": ["a"] * 4},
    ],
)  # fmt: skip
def test_a_broken_text_is_refused(change):
    text = Statistics.empty(4).add(corpus()).to_json()
    for broken in (json.dumps(json.loads(text) | change), text[:-5], "[]", ""):
        with pytest.raises(DataError, match=r"^statistics: the text does not hold statistics"):
            Statistics.from_json(broken)


def test_what_does_not_fit_is_said():
    some = Statistics.empty(4)
    with pytest.raises(DataError, match="no frame was counted"):
        some.normalize(corpus())
    with pytest.raises(DataError, match=r"frames are \[T 4\], not \[500, 3\]"):
        some.add(corpus(width=3))
    for wrong in (corpus(width=3), corpus(width=1), corpus()[0]):
        with pytest.raises(DataError, match=r"frames are \[T 4\]"):
            Statistics.empty(4).add(corpus()).normalize(wrong)
    with pytest.raises(DataError, match="of 4 and of 3 numbers cannot be added"):
        some + Statistics.empty(3)
    for bad in (np.nan, np.inf, 1025):
        frames = corpus(1100)
        frames[1050, 2] = bad
        with pytest.raises(DataError, match=r"number 2 of frame 1050 is (nan|inf|1025)"):
            some.add(frames)

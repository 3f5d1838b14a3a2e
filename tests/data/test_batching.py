"""Batches: every prediction once, the state's thread unbroken, the order a matter of two integers."""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostinato.data import Batches, ContiguousBatches, Shuffled
from ostinato.errors import ConfigError


class Line(NamedTuple):
    key: str


@given(count=st.integers(2, 80), rows=st.integers(1, 9), steps=st.integers(1, 12))
def test_streams_predict_everything_once(count, rows, steps):
    if rows > count - 1:
        rows = count - 1
    ids = np.arange(100, 100 + count)
    streams: Batches = ContiguousBatches(ids, rows, steps)
    batches = [streams.batch(0, i) for i in range(len(streams))]
    for row in range(rows):
        windows = [batch[row] for batch in batches]
        inputs = np.concatenate([window.tokens[:-1] for window in windows])
        targets = np.concatenate([window.tokens[1:] for window in windows])
        assert (targets == inputs + 1).all()
        assert (np.diff(inputs) == 1).all()  # each window starts where the one before stopped
        assert [window.continues for window in windows] == [False] + [True] * (len(windows) - 1)
        assert all(len(window.tokens) <= steps + 1 for window in windows)
    predicted = np.concatenate([window.tokens[1:] for batch in batches for window in batch])
    assert sorted(predicted.tolist()) == ids[1:].tolist()
    assert all(len(batch) == rows for batch in batches)
    assert max(len(window.tokens) for window in batches[-1]) > 1


def test_streams_are_even():
    streams = ContiguousBatches(np.arange(24), batch_size=4, steps=2)  # 23 predictions: 6, 6, 6, 5
    assert len(streams) == 3
    first, last = streams.batch(0, 0), streams.batch(7, 2)
    assert [window.tokens.tolist() for window in first] == [[0, 1, 2], [6, 7, 8], [12, 13, 14], [18, 19, 20]]
    assert [window.tokens.tolist() for window in last] == [[4, 5, 6], [10, 11, 12], [16, 17, 18], [22, 23]]
    assert first[1].key == "text[6:8]"


def test_a_row_that_has_ended_predicts_nothing():
    last = ContiguousBatches(np.arange(6), batch_size=2, steps=2).batch(0, 1)  # 3 and 2 predictions
    assert [window.tokens.tolist() for window in last] == [[2, 3], [5]]


IMPOSSIBLE = [(5, 5, 1), (1, 1, 1), (0, 1, 1), (9, 0, 1), (9, -1, 1), (9, 1, 0)]


@pytest.mark.parametrize(("count", "rows", "steps"), IMPOSSIBLE)
def test_streams_refuse_what_cannot_be(count, rows, steps):
    with pytest.raises(ConfigError, match=r"^story: .*; (set|.*make both)|hold nothing"):
        ContiguousBatches(np.arange(count), rows, steps, name="story")


def test_batches_out_of_range():
    lines = [Line(str(i)) for i in range(3)]
    for batches in (ContiguousBatches(np.arange(9), 2, 2), Shuffled(lines, 2, 0)):
        for index in (-1, len(batches)):
            with pytest.raises(IndexError):
                batches.batch(0, index)


@given(count=st.integers(1, 40), rows=st.integers(1, 9), seed=st.integers(0, 99), epoch=st.integers(0, 9))
def test_shuffled_gives_each_example_once(count, rows, seed, epoch):
    lines = [Line(str(i)) for i in range(count)]
    shuffled: Batches = Shuffled(lines, rows, seed)
    batches = [shuffled.batch(epoch, i) for i in range(len(shuffled))]
    assert sorted(line for batch in batches for line in batch) == sorted(lines)
    assert all(len(batch) == rows for batch in batches[:-1])
    assert 1 <= len(batches[-1]) <= rows


def test_order_is_a_matter_of_seed_and_epoch():
    lines = [Line(str(i)) for i in range(50)]
    one, other = Shuffled(lines, 7, seed=3), Shuffled(lines, 7, seed=3)
    forth = [one.batch(epoch, index) for epoch in (0, 1) for index in range(len(one))]
    back = [other.batch(epoch, index) for epoch in (1, 0) for index in reversed(range(len(other)))]
    assert forth == back[::-1]
    assert one.batch(0, 0) != one.batch(1, 0)
    assert one.batch(0, 0) != Shuffled(lines, 7, seed=4).batch(0, 0)


def test_shuffled_refuses_what_cannot_be():
    for examples, rows, seed in (([Line("a")], 0, 0), ([Line("a")], 1, -1), ([], 1, 0)):
        with pytest.raises(ConfigError, match=r"^batching: "):
            Shuffled(examples, rows, seed)

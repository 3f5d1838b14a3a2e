"""Chunks: every row whole and once an epoch, its chunks one after the other in one slot, no batch too large."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.data import Batches, Chunked
from ostinato.errors import ConfigError


def name(number):
    return f"row {number}"


def epoch_of(batches, epoch):
    return [batches.batch(epoch, index) for index in range(len(batches))]


@st.composite
def chunkings(draw):
    """Lengths and options that fit them."""
    lengths = draw(st.lists(st.integers(0, 30), min_size=1, max_size=40))
    chunk = draw(st.none() | st.integers(1, 12))
    options = {
        "chunk": chunk,
        "seed": draw(st.none() | st.integers(0, 99)),
        "noise": draw(st.sampled_from([0.0, 0.3, 9.0])),
    }
    least = max(min(max(lengths), chunk or 30), 1)
    bounds = draw(st.sampled_from([("batch_size",), ("batch_tokens",), ("batch_size", "batch_tokens")]))
    drawn = {"batch_size": draw(st.integers(1, 6)), "batch_tokens": least + draw(st.integers(0, 60))}
    return lengths, options | {bound: drawn[bound] for bound in bounds}


@given(chunking=chunkings(), epoch=st.integers(0, 5))
@settings(max_examples=80)
def test_every_row_is_read_whole_and_once(chunking, epoch):
    lengths, options = chunking
    chunked: Batches = Chunked(name, lengths, **options)
    read, ended = dict.fromkeys(range(len(lengths)), 0), []
    for batch in epoch_of(chunked, epoch):
        assert len({chunk.row_number for chunk in batch}) == len(batch)
        for number, start, end, key, _, ends in batch:
            assert key == name(number)
            assert start == read[number] <= end <= start + (options["chunk"] or 30)
            assert number not in ended or (start == end and not ends)
            read[number] = end
            ended += [number] if ends else []
            assert not ends or end == lengths[number]
    assert list(read.values()) == lengths
    assert sorted(ended) == list(range(len(lengths)))


@given(chunking=chunkings())
def test_a_chunk_continues_the_one_before_it_in_its_slot(chunking):
    lengths, options = chunking
    before = []
    for batch in epoch_of(Chunked(name, lengths, **options), 1):
        for slot, chunk in enumerate(batch):
            if chunk.continues:
                assert before[slot].row_number == chunk.row_number
                assert before[slot].end == chunk.start
            else:
                assert chunk.start == 0
        assert len({chunk.continues for chunk in batch}) == 1
        before = batch


@given(chunking=chunkings(), epoch=st.integers(0, 5))
def test_no_batch_is_too_large_and_none_is_empty(chunking, epoch):
    lengths, options = chunking
    for batch in epoch_of(Chunked(name, lengths, **options), epoch):
        longest = max(chunk.end - chunk.start for chunk in batch)
        assert len(batch) <= options.get("batch_size", len(batch))
        assert len(batch) * longest <= options.get("batch_tokens", len(batch) * longest)
        assert any(chunk.ends or chunk.end > chunk.start for chunk in batch)


def test_the_order_is_a_matter_of_seed_and_epoch():
    lengths = np.random.default_rng(1).integers(0, 60, 80)

    def made(seed=3):
        return Chunked(name, lengths, chunk=7, batch_size=4, seed=seed)

    one, other = made(), made()
    forth = [batch for epoch in (0, 1) for batch in epoch_of(one, epoch)]
    back = [other.batch(epoch, index) for epoch in (1, 0) for index in reversed(range(len(other)))]
    assert forth == back[::-1]
    assert len({str(epoch_of(batches, epoch)) for batches in (one, made(4)) for epoch in (0, 1)}) == 4
    assert epoch_of(made(None), 0) == epoch_of(made(None), 1)


def test_rows_change_their_company():
    made = Chunked(name, range(1, 65), chunk=16, batch_size=4, seed=0, noise=0.25)
    company = {
        chunk.row_number for epoch in range(30) for batch in epoch_of(made, epoch) for chunk in batch
        if any(each.row_number == 31 for each in batch)
    }  # fmt: skip
    assert len(company) > 6


def test_without_a_chunk_a_row_is_one():
    made = Chunked(name, [5, 0, 9, 7], batch_size=2)
    assert [[chunk[:3] + chunk[4:] for chunk in batch] for batch in epoch_of(made, 0)] == [
        [(2, 0, 9, False, True), (3, 0, 7, False, True)],
        [(0, 0, 5, False, True), (1, 0, 0, False, True)],
    ]


def test_slots_stay_empty_until_the_group_has_ended():
    batches = epoch_of(Chunked(name, [5, 2], chunk=2, batch_size=2), 0)
    assert [[tuple(chunk)[:3] + tuple(chunk)[4:] for chunk in batch] for batch in batches] == [
        [(0, 0, 2, False, False), (1, 0, 2, False, True)],
        [(0, 2, 4, True, False), (1, 2, 2, True, False)],
        [(0, 4, 5, True, True), (1, 2, 2, True, False)],
    ]


def test_what_cannot_be_is_refused():
    for lengths, options, message in (
        ([5], {"chunk": 0, "batch_size": 1}, "a chunk of 0 steps holds nothing"),
        ([5], {}, "a batch has no bound"),
        ([], {"batch_size": 1}, "there is no example to batch"),
        ([3, 9], {"batch_tokens": 8}, "row 1 has a length of 9, more than the 8 tokens of a batch"),
    ):
        with pytest.raises(ConfigError, match=f"^batching: {message}"):
            Chunked(name, lengths, **options)
    made = Chunked(name, [5], chunk=2, batch_size=1)
    for index in (-1, 3):
        with pytest.raises(IndexError, match="there is no batch"):
            made.batch(0, index)

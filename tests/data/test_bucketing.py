"""Length buckets: every example once, no batch larger than allowed, and little padding."""

from itertools import permutations
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.data import Bucketed, Shuffled
from ostinato.errors import ConfigError

LENGTHS = st.lists(st.integers(0, 30), min_size=1, max_size=60)


class Line(NamedTuple):
    key: str
    length: int


def lines(lengths):
    return [Line(str(number), length) for number, length in enumerate(lengths)]


def bucketed(lengths, batch_size=None, seed=0, **options) -> Bucketed:
    return Bucketed(lines(lengths), lengths, batch_size, seed=seed, **options)


def epoch_of(batches, epoch):
    return [batches.batch(epoch, index) for index in range(len(batches))]


def padded(batch):
    return len(batch) * max(line.length for line in batch)


def share_of_padding(batches):
    whole = sum(map(padded, batches))
    return 1 - sum(line.length for batch in batches for line in batch) / whole if whole else 0.0


@st.composite
def tables(draw):
    """Lengths and options that fit them."""
    lengths = draw(LENGTHS)
    options = {"batch_size": draw(st.integers(1, 9)), "noise": draw(st.sampled_from([0.0, 0.1, 0.5, 1.0, 1e9]))}
    if draw(st.booleans()):
        options["batch_tokens"] = max(*lengths, 1) + draw(st.integers(0, 100))
    return lengths, options


@given(table=tables(), seed=st.integers(0, 99), epoch=st.integers(0, 9))
@settings(max_examples=200)
def test_every_example_once_and_no_batch_too_large(table, seed, epoch):
    lengths, options = table
    made = bucketed(lengths, seed=seed, **options)
    batches = epoch_of(made, epoch)
    assert sorted(line for batch in batches for line in batch) == sorted(lines(lengths))
    assert all(1 <= len(batch) <= options["batch_size"] for batch in batches)
    assert all(padded(batch) <= options.get("batch_tokens", padded(batch)) for batch in batches)
    assert made.padding(epoch) == pytest.approx(share_of_padding(batches), abs=1e-12)


@given(table=tables())
def test_batches_are_of_the_same_sizes_in_every_epoch(table):
    lengths, options = table
    made = bucketed(lengths, **options)
    sizes = [sorted(len(batch) for batch in epoch_of(made, epoch)) for epoch in range(3)]
    assert sizes[0] == sizes[1] == sizes[2]
    if "batch_tokens" not in options:
        assert len(made) == -(-len(lengths) // options["batch_size"])


@given(lengths=LENGTHS, rows=st.integers(1, 9), more=st.integers(0, 100))
def test_without_noise_a_batch_takes_all_that_fit(lengths, rows, more):
    tokens = max(*lengths, 1) + more
    batches = epoch_of(bucketed(lengths, rows, batch_tokens=tokens, noise=0.0), 0)
    left, wanted = sorted((max(length, 1) for length in lengths), reverse=True), []
    while left:
        fit = [count for count in range(1, rows + 1) if count * left[0] <= tokens]
        wanted.append(left[: fit[-1]])
        left = left[fit[-1] :]
    assert sorted(sorted((max(line.length, 1) for line in batch), reverse=True) for batch in batches) == sorted(wanted)


@given(rows=st.integers(1, 3), data=st.data())
def test_without_noise_no_other_grouping_pads_less(rows, data):
    count = rows * data.draw(st.integers(1, 6 // rows))
    lengths = data.draw(st.lists(st.integers(0, 9), min_size=count, max_size=count))
    least = min(
        sum(padded(order[first : first + rows]) for first in range(0, count, rows))
        for order in permutations(lines(lengths))
    )
    assert sum(map(padded, epoch_of(bucketed(lengths, rows, noise=0.0), 0))) == least


def test_order_is_a_matter_of_seed_and_epoch():
    lengths = np.random.default_rng(1).integers(1, 40, 80)
    one, other = bucketed(lengths, 4, 3, batch_tokens=99), bucketed(lengths, 4, 3, batch_tokens=99)
    forth = [batch for epoch in (0, 1) for batch in epoch_of(one, epoch)]
    back = [other.batch(epoch, index) for epoch in (1, 0) for index in reversed(range(len(other)))]
    assert forth == back[::-1]
    assert one.batch(0, 0) != one.batch(1, 0)
    assert one.batch(0, 0) != bucketed(lengths, 4, 4, batch_tokens=99).batch(0, 0)


def test_examples_change_their_company_and_batches_their_order():
    company, places = set(), set()
    made = bucketed(range(1, 65), 4, noise=0.25)
    for epoch in range(50):
        (index,) = [index for index, batch in enumerate(epoch_of(made, epoch)) if Line("63", 64) in batch]
        places.add(index)
        company |= {line.length for line in made.batch(epoch, index)}
    assert len(company) > 10
    # Only 52 to 63 can be thought longer than 64, so it is in the fourth batch at last; and whatever stands there, at
    # place 15 or before, is thought at least as long as the 16th longest, which is 49.
    assert min(company) > 49 / 1.25
    assert places == set(range(16))
    alike = bucketed([7] * 64, 4, noise=0.0)
    assert len({line for epoch in range(50) for batch in epoch_of(alike, epoch) for line in batch
                if Line("0", 7) in batch}) > 40  # fmt: skip


def test_without_a_seed_every_epoch_is_the_same_longest_first():
    lengths = np.random.default_rng(1).integers(0, 40, 80).tolist()
    for bounds in ({"batch_size": 8}, {"batch_tokens": 99}):
        made = bucketed(lengths, seed=None, **bounds)
        assert epoch_of(made, 0) == epoch_of(made, 7)
        order = [line.length for batch in epoch_of(made, 0) for line in batch]
        assert order == sorted(lengths, reverse=True)


def test_the_longest_of_each_batch_is_known():
    made = bucketed(np.random.default_rng(1).integers(1, 40, 80), batch_tokens=99)
    for epoch in (0, 1):
        assert made.longest(epoch).tolist() == [max(line.length for line in batch) for batch in epoch_of(made, epoch)]


def test_padding_is_less_than_of_shuffled_rows():
    lengths = np.random.default_rng(1).geometric(0.05, 2000)
    shuffled = share_of_padding(epoch_of(Shuffled(lines(lengths), 32, 0), 0))
    assert bucketed(lengths, 32).padding() < shuffled / 5
    assert bucketed(lengths, 32, noise=1e9).padding() > shuffled / 2


@pytest.mark.parametrize(
    ("lengths", "options", "said"),
    [
        ([], {}, "there is no example to batch"),
        ([3, 4], {"batch_size": 0}, "a batch of 0 rows holds nothing"),
        ([3, 4], {"batch_size": None}, "a batch has no bound; give batch_size or batch_tokens"),
        ([3, 4], {"chunk": 0}, "a chunk of 0 steps holds nothing"),
        ([3, 40], {"chunk": 20, "batch_tokens": 19}, "1 has chunks of 20, more than the 19 tokens of a batch, .*; set"
         " batch_tokens to at least 20, or read shorter chunks"),
        ([3, 4], {"seed": -1}, "the seed -1 is negative"),
        ([3, 4], {"noise": -0.1}, "lengths cannot have a noise of -0.1; give a share of them"),
        ([3, 4], {"noise": float("nan")}, "a noise of nan"),
        ([3, 40, 50], {"batch_tokens": 39}, "2 has a length of 50, more than the 39 tokens of a batch, as have 2 of 3"
         " examples; set batch_tokens to at least 50"),
        ([0, 0], {"batch_tokens": 0}, "set batch_tokens to at least 1"),
        ([3, -4], {}, r"whole numbers from 0 on, not int64 \[2\]; give the length of each"),
        ([3.0, 4.0], {}, r"not float64 \[2\]"),
        ([[3], [4]], {}, r"not int64 \[2, 1\]"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(lengths, options, said):
    with pytest.raises(ConfigError, match=f"^batching: .*{said}"):
        Bucketed(
            [Line(str(number), 0) for number in range(len(lengths))], lengths, **{"batch_size": 2, "seed": 0, **options}
        )


def test_batches_out_of_range():
    made = bucketed([1, 2, 3], 2)
    for index in (-1, len(made)):
        with pytest.raises(IndexError):
            made.batch(0, index)

"""Padded: each function is what it says of each row."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ostinato.errors import DataError
from ostinato.padded import Padded

ROWS = st.lists(st.lists(st.integers(-9, 9), max_size=6), min_size=1, max_size=4)


def padded(rows: list[list[int]], extra: int = 0, padding: int = 77) -> Padded:
    """Rows with `padding` behind them, as a careless caller leaves it."""
    steps = max(map(len, rows)) + extra
    data = torch.tensor([row + [padding] * (steps - len(row)) for row in rows], dtype=torch.int64).reshape(
        len(rows), steps
    )
    return Padded(data, torch.tensor([len(row) for row in rows]))


def lists(x: Padded) -> list[list[int]]:
    return [row.tolist() for row in x.rows()]


@given(ROWS)
def test_of_and_rows_undo_each_other(rows):
    x = Padded.of([torch.tensor(row, dtype=torch.int64) for row in rows])
    assert lists(x) == rows
    assert (x.batch, x.steps) == (len(rows), max(map(len, rows)))
    assert not x.data[~x.mask].any()


@given(ROWS, st.integers(0, 3))
def test_reversed_turns_real_steps_and_keeps_padding_at_the_end(rows, extra):
    x = padded(rows, extra)
    assert lists(x.reversed()) == [row[::-1] for row in rows]
    assert torch.equal(x.reversed().data[~x.mask], x.data[~x.mask])
    assert torch.equal(x.reversed().reversed().data, x.data)


@given(ROWS, st.integers(0, 3))
def test_zeroed_trimmed_and_stretched_keep_the_rows(rows, extra):
    x = padded(rows, extra)
    assert lists(x.zeroed()) == lists(x.trimmed()) == lists(x.stretched(9)) == rows
    assert not x.zeroed().data[~x.mask].any()
    assert x.trimmed().steps == max(map(len, rows))
    assert x.stretched(9).steps == 9
    assert x.stretched(0).steps == x.steps


@given(st.data(), st.integers(1, 4), st.integers(0, 2), st.integers(0, 2))
def test_then_joins_row_by_row(data, count, extra, more):
    exactly = st.lists(st.lists(st.integers(-9, 9), max_size=5), min_size=count, max_size=count)
    first, second = data.draw(exactly), data.draw(exactly)
    joined = padded(first, extra).then(padded(second, more))
    assert lists(joined) == [a + b for a, b in zip(first, second)]


@given(st.data(), ROWS, st.integers(0, 2))
def test_split_undoes_then(data, rows, extra):
    counts = [data.draw(st.integers(0, len(row))) for row in rows]
    first, rest = padded(rows, extra).split(torch.tensor(counts))
    assert lists(first) == [row[:count] for row, count in zip(rows, counts)]
    assert lists(rest) == [row[count:] for row, count in zip(rows, counts)]
    assert lists(first.then(rest)) == rows


def test_then_with_the_nothing_that_a_layer_held_back():
    nothing = Padded(torch.zeros(0, 0, 2), torch.zeros(0, dtype=torch.int64))
    for steps in (0, 3):
        x = Padded.full(torch.randn(4, steps, 2))
        for joined in (x.then(nothing), nothing.then(x)):
            assert (joined.batch, joined.steps) == (4, steps)
    assert nothing.then(nothing).batch == 0


def test_axes_after_time_and_no_rows_and_no_steps():
    x = Padded(torch.randn(3, 4, 2, 5), torch.tensor([4, 0, 2]))
    assert x.zeroed().data[1].abs().sum() == 0
    assert x.reversed().data[0, 0].equal(x.data[0, 3])
    assert x.then(x).lengths.tolist() == [8, 0, 4]
    for empty in (Padded(torch.zeros(0, 4, 2), torch.zeros(0, dtype=torch.int64)), Padded.full(torch.zeros(3, 0, 2))):
        for made in (empty.zeroed(), empty.trimmed(), empty.reversed(), empty.then(empty), *empty.split(empty.lengths)):
            assert made.batch == empty.batch
            assert made.lengths.tolist() == empty.lengths.tolist()
        assert empty.stretched(6).steps == 6


def test_a_gradient_finds_its_way_to_the_right_step():
    data = torch.arange(6.0).reshape(2, 3).requires_grad_()
    x = Padded(data, torch.tensor([3, 1]))
    joined = x.then(x.reversed())
    joined.rows()[1][1].backward()
    assert data.grad.tolist() == [[0, 0, 0], [1, 0, 0]]


def test_nan_in_padding_stays_out_of_zeroed_and_its_gradient():
    data = torch.tensor([[1.0, float("nan")]], requires_grad=True)
    (Padded(data, torch.tensor([1])).zeroed().data * float("inf")).nan_to_num(0, 0, 0).sum().backward()
    assert data.grad[0, 1] == 0


@pytest.mark.parametrize("lengths", [[3, 0, 2], [3, 3, 3], [0, 0, 0]])
def test_flat_holds_the_real_steps_row_by_row(lengths):
    x = Padded(torch.randn(3, 3, 2), torch.tensor(lengths))
    assert torch.equal(x.flat(), torch.cat(x.rows()))


def test_what_is_full_is_not_copied():
    x = Padded.full(torch.randn(2, 3))
    assert x.flat().data_ptr() == x.data.data_ptr()
    assert x.zeroed().data is x.data
    assert x.lengths.dtype == torch.int64


@pytest.mark.parametrize(
    "rows",
    [[], [torch.zeros(2, 3), torch.zeros(2, 4)], [torch.zeros(2), torch.zeros(2, dtype=torch.int64)]],
    ids=["none", "sizes", "dtypes"],
)
def test_rows_that_cannot_stand_together_are_refused(rows):
    with pytest.raises(DataError, match=r"Padded.of: .*; "):
        Padded.of(rows)

"""State: the functions that walk it obey the laws of a list of rows."""

from typing import NamedTuple

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ostinato.errors import BundleError, StreamError
from ostinato.padded import Padded
from ostinato.state import batch_of, cat, detach, fit, flatten, load, over, save, select, unflatten, where


class Memory(NamedTuple):
    h: Tensor
    cache: Padded


class Whole(NamedTuple):
    memory: Memory
    inner: tuple
    keys: list
    absent: None


def made(lengths: list[int], seed: int = 0) -> Whole:
    """A state of every kind of leaf, whose row i says i + seed everywhere."""
    numbers = torch.arange(len(lengths), dtype=torch.float32) + seed
    cache = Padded(
        numbers.reshape(-1, 1, 1).repeat(1, max(lengths, default=0), 2), torch.tensor(lengths, dtype=torch.int64)
    )
    inner = (numbers.to(torch.int64), (numbers.reshape(-1, 1, 1).repeat(1, 2, 3),), ())
    return Whole(Memory(numbers.unsqueeze(1).repeat(1, 4), cache), inner, [f"row {int(n)}" for n in numbers], None)


def rows(state: Whole) -> list[tuple]:
    """What each row says, in plain Python."""
    memory, inner, keys, absent = state
    assert absent is None
    return [
        (memory.h[i].tolist(), memory.cache.rows()[i].tolist(), inner[0][i].item(), inner[1][0][i].tolist(), keys[i])
        for i in range(len(keys))
    ]


LENGTHS = st.lists(st.integers(0, 5), min_size=1, max_size=5)


@given(LENGTHS, st.data())
def test_select_is_indexing(lengths, data):
    index = data.draw(st.lists(st.integers(0, len(lengths) - 1), max_size=6))
    state = made(lengths)
    assert rows(select(state, index)) == [rows(state)[i] for i in index]
    assert rows(select(state, torch.tensor(index, dtype=torch.int64))) == [rows(state)[i] for i in index]


@given(LENGTHS, st.data())
def test_select_of_select_is_one_select(lengths, data):
    first = data.draw(st.lists(st.integers(0, len(lengths) - 1), min_size=1, max_size=5))
    second = data.draw(st.lists(st.integers(0, len(first) - 1), max_size=5))
    state = made(lengths)
    assert rows(select(select(state, first), second)) == rows(select(state, [first[i] for i in second]))


@given(st.lists(LENGTHS, min_size=1, max_size=4))
def test_cat_is_joining(parts):
    states = [made(lengths, 10 * number) for number, lengths in enumerate(parts)]
    assert rows(cat(states)) == [row for state in states for row in rows(state)]


@given(LENGTHS)
def test_cat_of_single_rows_is_the_whole(lengths):
    state = made(lengths)
    assert rows(cat([select(state, [i]) for i in range(len(lengths))])) == rows(state)


@given(st.data(), st.integers(1, 5))
def test_where_chooses_row_by_row(data, count):
    lengths = st.lists(st.integers(0, 5), min_size=count, max_size=count)
    new, old = made(data.draw(lengths)), made(data.draw(lengths), seed=100)
    keep = data.draw(st.lists(st.booleans(), min_size=count, max_size=count))
    found = rows(where(torch.tensor(keep), new, old))
    assert found == [a if chosen else b for chosen, a, b in zip(keep, rows(new), rows(old))]


@given(LENGTHS)
def test_unflatten_undoes_flatten(lengths):
    state = made(lengths)
    again = unflatten(flatten(state), state)
    assert isinstance(again, Whole)
    assert isinstance(again.memory, Memory)
    assert rows(again) == rows(state)


def test_flatten_names_leaves_by_their_path():
    assert list(flatten(made([2, 1]))) == [
        "memory.h", "memory.cache.data", "memory.cache.lengths", "inner.0", "inner.1.0",
    ]  # fmt: skip
    assert flatten(()) == {}


def test_over_keeps_names_lists_and_absence_and_levels_ragged_leaves():
    summed = over(torch.add, made([1, 3]), made([2, 1], seed=5))
    assert isinstance(summed.memory, Memory)
    assert summed.keys == ["row 0", "row 1"]
    assert summed.absent is None
    assert summed.memory.cache.steps == 3
    assert summed.memory.h[1].tolist() == [7.0] * 4


def test_over_refuses_what_is_no_state():
    with pytest.raises(TypeError, match="holds tensors, Padded and States, not int"):
        over(lambda leaf: leaf, (3,))
    with pytest.raises(ValueError, match="zip"):
        over(torch.add, (torch.zeros(1),), (torch.zeros(1), torch.zeros(1)))


def test_detach_cuts_every_leaf_and_copies_none():
    h = torch.zeros(2, 3, requires_grad=True)
    state = Memory(h * 1, Padded((h * 2).unsqueeze(1), torch.tensor([1, 1])))
    free = detach(state)
    assert not free.h.requires_grad
    assert not free.cache.data.requires_grad
    assert free.h.data_ptr() == state.h.data_ptr()


def test_batch_of_is_the_first_leafs():
    assert batch_of(made([1, 0, 2])) == 3
    assert batch_of(((), ())) is None
    with pytest.raises(StreamError, match="axis 0"):
        batch_of((torch.tensor(1.0),))


def test_save_and_load_give_the_same_bits(tmp_path):
    h = torch.randn(3, 4)[:, ::2]  # not contiguous
    state = (Memory(h, Padded(torch.randn(3, 2, 1), torch.tensor([2, 0, 1]))), (torch.tensor([True, False, True]),))
    save(state, tmp_path / "state")
    like = (Memory(torch.zeros(1, 2), Padded(torch.zeros(1, 0, 1), torch.tensor([0]))), (torch.tensor([False]),))
    again = load(tmp_path / "state", like)
    for name, leaf in flatten(state).items():
        assert torch.equal(flatten(again)[name], leaf)
    save((), tmp_path / "nothing")
    assert load(tmp_path / "nothing", ()) == ()


def test_what_is_shared_is_saved_twice(tmp_path):
    h = torch.randn(2, 3)
    save((h, h), tmp_path / "state")
    assert torch.equal(load(tmp_path / "state", (h, h))[1], h)


@pytest.mark.parametrize(
    ("state", "word"),
    [
        ((torch.zeros(2, 4),), "float32"),
        ((torch.zeros(2, 3, dtype=torch.float64),), "float64"),
        ((torch.zeros(2, 3), torch.zeros(2, 3)), "leaves differ"),
        ((torch.zeros(()),), "is needed"),
    ],
)
def test_a_state_of_another_model_is_not_loaded(tmp_path, state, word):
    save(state, tmp_path / "state")
    with pytest.raises(StreamError, match=word) as refused:
        load(tmp_path / "state", (torch.zeros(1, 3),))
    assert str(tmp_path / "state") in str(refused.value)


def test_ragged_leaves_may_differ_in_time_alone(tmp_path):
    like = (Padded(torch.zeros(1, 0, 3), torch.zeros(1, dtype=torch.int64)),)
    for shape, fits in (((2, 5, 3), True), ((2, 5, 4), False)):
        save((Padded(torch.zeros(shape), torch.tensor([5, 1])),), tmp_path / "state")
        if fits:
            assert load(tmp_path / "state", like)[0].steps == 5
        else:
            with pytest.raises(StreamError):
                load(tmp_path / "state", like)
        given_state = (Padded(torch.zeros(shape), torch.tensor([5, 1])),)
        if fits:
            assert fit(given_state, like, 2, "here") is given_state
        else:
            with pytest.raises(StreamError, match="another cell"):
                fit(given_state, like, 2, "here")


@pytest.mark.parametrize("length", [0, 1, 7, 8, 40])
def test_a_file_that_was_cut_short_is_no_state(tmp_path, length):
    save((torch.zeros(2, 3),), tmp_path / "state")
    whole = (tmp_path / "state").read_bytes()
    (tmp_path / "state").write_bytes(whole[:length])
    with pytest.raises(BundleError, match="no state can be read"):
        load(tmp_path / "state", (torch.zeros(1, 3),))
    with pytest.raises(BundleError):
        load(tmp_path / "missing", (torch.zeros(1, 3),))


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ((torch.zeros(2, 3),), "a tuple was given where a Memory is needed"),
        (Memory(torch.zeros(2, 3), (torch.zeros(2, 1),)), "another cell or size"),
        (Memory(torch.zeros(2, 9), Padded(torch.zeros(2, 1, 1), torch.tensor([1, 1]))), "another cell or size"),
        (Memory(torch.zeros(3, 3), Padded(torch.zeros(3, 1, 1), torch.tensor([1, 1, 1]))), "holds 3 rows"),
    ],
)
def test_fit_refuses_and_says_what_to_do(state, says):
    like = Memory(torch.zeros(1, 3), Padded(torch.zeros(1, 0, 1), torch.tensor([0])))
    with pytest.raises(StreamError, match=says) as refused:
        fit(state, like, 2, "layer")
    assert str(refused.value).startswith("layer: ")
    assert "initial(2)" in str(refused.value)

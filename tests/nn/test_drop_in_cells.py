"""ostinato.nn's cells against torch's, and against ostinato.nn's layers given one step."""

import pytest
import torch
from torch import nn
from twins import CELLS, assert_alike, assert_bits, leaf, mapped, run, twins

import ostinato.nn

OPTIONS = [
    (name, {"bias": bias} | more)
    for bias in (True, False)
    for name, more in [("RNNCell", {}), ("RNNCell", {"nonlinearity": "relu"}), ("LSTMCell", {}), ("GRUCell", {})]
]


def state(name, *sizes):
    h = torch.randn(sizes)
    return (h, torch.randn(sizes)) if name == "LSTMCell" else h


@pytest.mark.parametrize(("name", "options"), OPTIONS)
@pytest.mark.parametrize("rows", [(), (0,), (1,), (2,), (13,)], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_a_cell_is_torch_s(name, options, rows, dtype):
    ours, theirs = twins(name, 17, 23, **options, dtype=dtype)
    assert repr(ours) == repr(theirs)
    assert_alike(ours, theirs, torch.randn(*rows, 17, dtype=dtype))
    given = mapped(state(name, *rows, 23), lambda part: part.to(dtype))
    assert_alike(ours, theirs, torch.randn(*rows, 17, dtype=dtype), given)


@pytest.mark.parametrize("name", CELLS)
def test_a_cell_s_bits_depend_on_neither_rows_nor_threads_and_are_the_layer_s(name):
    cell = getattr(ostinato.nn, name)(17, 40)
    layer = getattr(ostinato.nn, name.removesuffix("Cell"))(17, 40)
    layer.load_state_dict({f"{key}_l0": value for key, value in cell.state_dict().items()})
    x, given = torch.randn(33, 17, requires_grad=True), state(name, 33, 40)
    given = mapped(given, leaf)
    all_of_it = run(cell, x, given)
    torch.set_num_threads(2)
    assert_bits(run(cell, x, given), all_of_it, "threads")
    for row in (0, 32):
        wanted = mapped(all_of_it[0], lambda part, row=row: part[row])
        assert_bits(cell(x[row], mapped(given, lambda part, row=row: part[row])), wanted, f"row {row}")
    _, final = layer(x[None], mapped(given, lambda part: part[None]))
    assert_bits(mapped(final, lambda part: part[0]), all_of_it[0], "the layer's")


BAD = {
    "input of three axes": lambda cell: cell(torch.zeros(1, 1, 4)),
    "features": lambda cell: cell(torch.zeros(2, 3)),
    "dtype": lambda cell: cell(torch.zeros(2, 4, dtype=torch.float64)),
    "state's rows": lambda cell: cell(torch.zeros(2, 4), zeros(cell, 3, 5)),
    "state's size": lambda cell: cell(torch.zeros(2, 4), zeros(cell, 2, 6)),
    "state's axes": lambda cell: cell(torch.zeros(2, 4), zeros(cell, 1, 2, 5)),
    "the other kind of state": lambda cell: cell(torch.zeros(2, 4), zeros(cell, 2, 5, wrong=True)),
}


def zeros(cell, *sizes, wrong=False):
    h = torch.zeros(sizes)
    return (h, h.clone()) if isinstance(cell, nn.LSTMCell) != wrong else h


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("call", BAD.values(), ids=BAD)
def test_what_torch_refuses_is_refused_in_the_same_words(name, call):
    ours, theirs = twins(name, 4, 5)
    with pytest.raises(Exception) as wanted:  # noqa: PT011 what it is, torch says
        call(theirs)
    with pytest.raises(wanted.type) as found:
        call(ours)
    assert str(found.value) == str(wanted.value)


def test_an_unknown_nonlinearity_is_refused():
    cell = ostinato.nn.RNNCell(4, 5)
    cell.nonlinearity = "TANH"
    with pytest.raises(RuntimeError, match="Unknown nonlinearity: TANH"):
        cell(torch.zeros(2, 4))


@pytest.mark.filterwarnings("ignore:There is a performance drop:UserWarning")
def test_batches_can_be_mapped_over_and_differentiated_by_torch_func():
    ours, theirs = twins("GRUCell", 4, 5)
    x, h = torch.randn(6, 3, 4), torch.randn(6, 3, 5)
    assert_bits(torch.vmap(ours)(x, h), torch.vmap(theirs)(x, h), "vmap")
    found, wanted = (torch.func.grad(lambda x, c=cell: c(x, h[0]).sum())(x[0]) for cell in (ours, theirs))
    assert_bits(found, wanted, "torch.func.grad")

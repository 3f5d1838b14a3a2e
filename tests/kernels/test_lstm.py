"""The LSTM scan and the linear layer against float64 and against torch, and their laws about bits."""

import itertools

import pytest
import torch
from reference import Case, Cell, Holder, definition, error, ours, torch_lstm

from ostinato import _core, kernels
from ostinato.kernels.fold import fold

SIZES = (1, 2, 3, 7, 13, 15, 16, 17, 31, 33, 64)
# Every batch with every length, every hidden size with two input sizes; not the full product, which says nothing more.
SHAPES = [
    (batch, steps, SIZES[i % len(SIZES)], SIZES[(5 * i + 3) % len(SIZES)])
    for i, (batch, steps) in enumerate(itertools.product((0, 1, 2, 7, 33), (0, 1, 2, 17, 100)))
]
SHAPES += [(7, 17, hidden, SIZES[-1 - i]) for i, hidden in enumerate(SIZES)] + [(2, 1000, 17, 3), (1, 1000, 64, 33)]


@pytest.fixture(autouse=True)
def restored():
    isa, threads = kernels.isa(), torch.get_num_threads()
    yield
    _core.use_isa(isa)
    torch.set_num_threads(threads)


@pytest.mark.parametrize(("batch", "steps", "hidden", "inputs"), SHAPES)
def test_results_and_gradients_are_those_of_the_definition(batch, steps, hidden, inputs):
    case = Case(batch, steps, hidden, inputs)
    results, grads = case.run(ours)
    wanted, wanted_grads = case.run(definition, torch.float64)
    assert all(error(found, want) < 1e-5 for found, want in zip(results, wanted, strict=True))
    errors = {name: error(found, want) for name, found, want in zip(case.names, grads, wanted_grads, strict=True)}
    assert max(errors.values()) < 1e-4, errors


@pytest.mark.parametrize(("batch", "steps", "hidden"), [(33, 17, 64), (2, 1000, 33), (33, 100, 64), (32, 128, 128)])
def test_never_worse_than_twice_torchs_own_error(batch, steps, hidden):
    case = Case(batch, steps, hidden, hidden, ragged=False)
    exact = sum(case.run(torch_lstm, torch.float64), ())
    mine = sum(case.run(ours), ())
    theirs = sum(case.run(torch_lstm), ())
    for found, their, want in zip(mine, theirs, exact, strict=True):
        # Below 2e-7 an error is the last bit of the largest value.
        assert error(found, want) <= max(2 * error(their, want), 2e-7)


@pytest.mark.parametrize("hidden", [5, 64])
def test_a_row_does_not_depend_on_the_others(hidden):
    case = Case(33, 17, hidden, 7)
    x, weight_ih, weight_hh, bias, h0, c0 = case.values
    together = ours(*case.values, case.lengths)
    for row in range(33):
        one = slice(row, row + 1)
        alone = ours(x[one], weight_ih, weight_hh, bias, h0[one], c0[one], case.lengths[one])
        assert all(torch.equal(a, b[one]) for a, b in zip(alone, together, strict=True))


@pytest.mark.parametrize("chunk", [1, 2, 5, 16, 40])
def test_any_chunking_gives_the_same_bits(chunk):
    case = Case(7, 41, 33, 16)
    x, weight_ih, weight_hh, bias, *state = case.values
    outputs, h, c = ours(*case.values, case.lengths)
    pieces = []
    for start in range(0, 41, chunk):
        part = x[:, start : start + chunk]
        lengths = (case.lengths - start).clamp(0, part.shape[1])
        piece, *state = ours(part, weight_ih, weight_hh, bias, *state, lengths)
        pieces.append(piece)
    assert torch.equal(torch.cat(pieces, 1), outputs)
    assert torch.equal(state[0], h)
    assert torch.equal(state[1], c)


@pytest.mark.parametrize(("batch", "steps", "hidden"), [(7, 40, 33), (33, 100, 64), (1, 100, 128)])
def test_threads_and_instruction_sets_give_the_same_bits(batch, steps, hidden):
    case = Case(batch, steps, hidden, 31)
    torch.set_num_threads(1)
    expected = sum(case.run(ours), ())
    for isa in _core.isas():
        if isa == "scalar" and batch > 7:
            continue  # slow, and the small cases say it
        for threads in (1, 2, 3):
            _core.use_isa(isa)
            torch.set_num_threads(threads)
            assert all(torch.equal(a, b) for a, b in zip(sum(case.run(ours), ()), expected, strict=True)), (
                isa,
                threads,
            )


def test_without_a_gradient_the_same_bits():
    case = Case(7, 17, 33, 15)
    with torch.no_grad():
        plain = ours(*case.values, case.lengths)
    recorded, _ = case.run(ours)
    assert all(torch.equal(a, b) for a, b in zip(plain, recorded, strict=True))


def test_padding_is_invisible():
    case = Case(7, 17, 16, 8)
    expected = sum(case.run(ours), ())
    x, *others = case.values
    real = torch.arange(17)[None, :] < case.lengths[:, None]
    garbage = Case(7, 17, 16, 8)
    garbage.values = (torch.where(real[:, :, None], x, torch.full_like(x, 1e30)), *others)
    garbage.incoming = (torch.where(real[:, :, None], case.incoming[0], 1e30), *case.incoming[1:])
    found = garbage.run(ours)
    for i, (a, b) in enumerate(zip(sum(found, ()), expected, strict=True)):
        assert torch.equal(a, b) or i == 4, i  # the linear layer's weight sees its whole x, times zeros
    assert (found[0][0][~real] == 0).all()
    assert (found[1][0][~real] == 0).all()


def test_infinite_padding_does_not_reach_the_recurrent_weight():
    gates = torch.full((2, 3, 8), float("nan"))
    gates[0] = 0.5
    weight = torch.randn(8, 2, requires_grad=True)
    state = (torch.tensor([[0.1, 0.2], [float("inf"), 0.0]]), torch.zeros(2, 2))
    outputs, _ = kernels.lstm(Holder(weight), gates, state, torch.tensor([3, 0]))
    outputs.sum().backward()
    assert weight.grad.isfinite().all()


class Definition(Cell):
    """A cell whose weight is whatever tensor it was given, so that gradients of gradients can be asked of it."""

    def __init__(self, weight: torch.Tensor) -> None:
        super().__init__(weight.shape[1], weight.dtype)
        self.given = weight

    def get_parameter(self, target: str) -> torch.Tensor:
        return self.given


@pytest.mark.parametrize("check", [torch.autograd.gradcheck, torch.autograd.gradgradcheck])
def test_gradients_and_their_gradients(check):
    torch.manual_seed(0)
    lengths = torch.tensor([3, 0, 2])
    inputs = (torch.randn(3, 3, 8), torch.randn(3, 2), torch.randn(3, 2), torch.randn(8, 2))

    def run(gates, h, c, weight):
        outputs, (h, c) = kernels.lstm(Definition(weight), gates, (h, c), lengths)
        return outputs, h, c

    assert check(run, [value.double().requires_grad_() for value in inputs])


@pytest.mark.parametrize("check", [torch.autograd.gradcheck, torch.autograd.gradgradcheck])
@pytest.mark.parametrize("bias", [True, False])
def test_linear_gradients_and_their_gradients(check, bias):
    torch.manual_seed(0)
    inputs = [torch.randn(2, 3, 4), torch.randn(5, 4)] + [torch.randn(5)] * bias
    assert check(kernels.linear, [value.double().requires_grad_() for value in inputs])


def test_what_a_caller_passes_twice_gets_both_gradients():
    cell = Cell(4)
    same = torch.randn(2, 4, requires_grad=True)
    outputs, _ = kernels.lstm(cell, torch.zeros(2, 3, 16), (same, same), torch.tensor([3, 1]))
    (found,) = torch.autograd.grad(outputs.sum(), same)
    outputs, _ = fold(cell, torch.zeros(2, 3, 16), (same, same), torch.tensor([3, 1]))
    (wanted,) = torch.autograd.grad(outputs.sum(), same)
    assert torch.allclose(found, wanted, atol=1e-6)


def test_strided_inputs_and_any_leading_sizes():
    weight, bias = torch.randn(6, 5), torch.randn(6)
    x = torch.randn(5, 4, 3).transpose(0, 2)
    assert torch.allclose(kernels.linear(x, weight, bias), torch.nn.functional.linear(x, weight, bias), atol=1e-5)
    assert kernels.linear(torch.randn(5), weight).shape == (6,)
    assert kernels.linear(torch.randn(2, 0, 5), weight).shape == (2, 0, 6)


def test_autocast_computes_in_float32():
    cell = Cell(4)
    gates = torch.randn(2, 3, 16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half, _ = kernels.lstm(cell, gates.bfloat16(), (torch.zeros(2, 4), torch.zeros(2, 4)), torch.tensor([3, 3]))
        assert kernels.linear(torch.randn(2, 5).bfloat16(), torch.randn(3, 5)).dtype is torch.float32
    full, _ = kernels.lstm(cell, gates.bfloat16().float(), (torch.zeros(2, 4), torch.zeros(2, 4)), torch.tensor([3, 3]))
    assert half.dtype is torch.float32
    assert torch.equal(half, full)

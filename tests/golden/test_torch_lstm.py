"""Our LSTM against torch.nn.LSTM with the same weights: values, states and gradients, ragged rows by packing.

torch's layer is the outside program here: gate order i, f, g, o (torch.nn.LSTM, "Variables"); its two biases add up."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from ostinato.cells import LSTM, LSTMState
from ostinato.layers import Bidirectional, Recurrent, Stack, whole
from ostinato.padded import Padded

INPUTS, HIDDEN = 3, 5
LENGTHS = torch.tensor([7, 2, 4, 1])


def copied(theirs: nn.LSTM, inputs: int, suffix: str) -> Recurrent:
    cell = LSTM(HIDDEN, inputs=inputs).to(theirs.weight_hh_l0.dtype)
    with torch.no_grad():
        cell.input.weight.copy_(getattr(theirs, f"weight_ih_{suffix}"))
        cell.recurrent.weight.copy_(getattr(theirs, f"weight_hh_{suffix}"))
        cell.input.bias.copy_(getattr(theirs, f"bias_ih_{suffix}") + getattr(theirs, f"bias_hh_{suffix}"))
    return Recurrent(cell)


def packed(theirs: nn.LSTM, x: torch.Tensor, state=None):
    """torch's own way with ragged rows; outputs [B T H], zero on padding."""
    out, last = theirs(pack_padded_sequence(x, LENGTHS, batch_first=True, enforce_sorted=False), state)
    return pad_packed_sequence(out, batch_first=True, total_length=x.shape[1])[0], last


def ragged(dtype: torch.dtype) -> torch.Tensor:
    return torch.randn(4, 7, INPUTS, dtype=dtype, requires_grad=True)


@pytest.fixture(params=[torch.float32, torch.float64], ids=["float32", "float64"])
def dtype(request):
    return request.param


def close(found, wanted):
    bounds = {torch.float32: (1e-5, 1e-6), torch.float64: (1e-12, 1e-13)}[wanted.dtype]
    torch.testing.assert_close(found, wanted, rtol=bounds[0], atol=bounds[1])


def test_one_layer_ragged_from_a_state_with_gradients(dtype):
    theirs = nn.LSTM(INPUTS, HIDDEN, batch_first=True).to(dtype)
    mine, x = copied(theirs, INPUTS, "l0"), ragged(dtype)
    h, c = (torch.randn(4, HIDDEN, dtype=dtype, requires_grad=True) for _ in range(2))
    wanted, (wanted_h, wanted_c) = packed(theirs, x, (h.unsqueeze(0), c.unsqueeze(0)))
    found, last = mine(Padded(x, LENGTHS), LSTMState(h, c))
    close(found.data, wanted)
    close(last.h, wanted_h[0])
    close(last.c, wanted_c[0])
    weights = torch.randn_like(wanted)
    by = {"theirs": (wanted, wanted_h[0], wanted_c[0]), "mine": (found.data, last.h, last.c)}
    leaves = {
        "theirs": (x, h, c, theirs.weight_ih_l0, theirs.weight_hh_l0, theirs.bias_ih_l0),
        "mine": (x, h, c, mine.cell.input.weight, mine.cell.recurrent.weight, mine.cell.input.bias),
    }
    grads = {
        who: torch.autograd.grad((out * weights).sum() + (h_n * h_n).sum() + c_n.sin().sum(), leaves[who])
        for who, (out, h_n, c_n) in by.items()
    }
    for ours, other in zip(grads["mine"], grads["theirs"]):
        close(ours, other)


def test_both_ways_ragged(dtype):
    theirs = nn.LSTM(INPUTS, HIDDEN, batch_first=True, bidirectional=True).to(dtype)
    mine = Bidirectional(copied(theirs, INPUTS, "l0"), copied(theirs, INPUTS, "l0_reverse"))
    x = ragged(dtype)
    wanted, _ = packed(theirs, x)
    found = whole(mine, Padded(x, LENGTHS)).zeroed()
    close(found.data, wanted)
    for ours, other in zip(
        torch.autograd.grad(found.data.square().sum(), (x, mine.back.layer.cell.recurrent.weight)),
        torch.autograd.grad(wanted.square().sum(), (x, theirs.weight_hh_l0_reverse)),
    ):
        close(ours, other)


def test_three_layers_ragged(dtype):
    theirs = nn.LSTM(INPUTS, HIDDEN, num_layers=3, batch_first=True).to(dtype)
    mine = Stack([copied(theirs, INPUTS if depth == 0 else HIDDEN, f"l{depth}") for depth in range(3)])
    x = ragged(dtype)
    wanted, (h, c) = packed(theirs, x)
    found, states = mine(Padded(x, LENGTHS))
    close(found.data, wanted)
    close(torch.stack([state.h for state in states]), h)
    close(torch.stack([state.c for state in states]), c)


def test_two_layers_both_ways(dtype):
    theirs = nn.LSTM(INPUTS, HIDDEN, num_layers=2, batch_first=True, bidirectional=True).to(dtype)
    mine = Stack(
        [
            Bidirectional(copied(theirs, width, f"l{depth}"), copied(theirs, width, f"l{depth}_reverse"))
            for depth, width in enumerate((INPUTS, 2 * HIDDEN))
        ]
    )
    x = ragged(dtype)
    close(whole(mine, Padded(x, LENGTHS)).zeroed().data, packed(theirs, x)[0])


def test_a_step_is_torchs_cell(dtype):
    theirs = nn.LSTMCell(INPUTS, HIDDEN).to(dtype)
    mine = LSTM(HIDDEN, inputs=INPUTS).to(dtype)
    with torch.no_grad():
        mine.input.weight.copy_(theirs.weight_ih)
        mine.recurrent.weight.copy_(theirs.weight_hh)
        mine.input.bias.copy_(theirs.bias_ih + theirs.bias_hh)
    x, h, c = (torch.randn(4, size, dtype=dtype) for size in (INPUTS, HIDDEN, HIDDEN))
    gates, state = mine.project(x.unsqueeze(1), LSTMState(h, c))
    out, after = mine.step(gates[:, 0], state)
    wanted_h, wanted_c = theirs(x, (h, c))
    close(out, wanted_h)
    close(after.h, wanted_h)
    close(after.c, wanted_c)

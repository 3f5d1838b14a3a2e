"""The LSTM: how it begins, and what it can remember."""

import logging

import pytest
import torch

from ostinato.cells import LSTM, LSTMState, Masks, cells
from ostinato.cells import base as cell_base
from ostinato.layers import Recurrent
from ostinato.padded import Padded


def test_it_begins_open_and_orthogonal():
    cell = LSTM(6, inputs=3)
    i, f, g, o = cell.input.bias.split(6)
    assert f.tolist() == [1.0] * 6
    assert not torch.cat([i, g, o]).any()
    assert LSTM(6, 2.5, inputs=3).input.bias[6:12].tolist() == [2.5] * 6
    for block in cell.recurrent.weight.split(6):
        torch.testing.assert_close(block @ block.T, torch.eye(6), atol=1e-5, rtol=0)


def test_the_same_seed_makes_the_same_cell():
    made = []
    for _ in range(2):
        torch.manual_seed(7)
        made.append(LSTM(4, inputs=3).state_dict())
    assert all(torch.equal(made[0][name], made[1][name]) for name in made[0])


def test_it_has_as_many_numbers_as_the_equations():
    cell = LSTM(5, inputs=3)
    assert sum(p.numel() for p in cell.parameters()) == 4 * (5 * 3 + 5 * 5 + 5)


def test_a_step_by_hand():
    """One unit: i, f, o open by half, g = tanh 1."""
    cell = LSTM(1, 0.0, inputs=1)
    with torch.no_grad():
        cell.input.weight.copy_(torch.tensor([[0.0], [0.0], [1.0], [0.0]]))
        cell.recurrent.weight.zero_()
    gates, state = cell.project(torch.ones(1, 1, 1), LSTMState(torch.zeros(1, 1), torch.full((1, 1), 2.0)))
    h, after = cell.step(gates[:, 0], state)
    c = 0.5 * 2.0 + 0.5 * 0.7615941559557649  # tanh 1
    assert after.c.item() == pytest.approx(c, rel=1e-6)
    assert h.item() == pytest.approx(0.5 * 0.8812, rel=1e-3)  # tanh 1.3808 = 0.8812


def test_an_open_forget_gate_carries_the_error_unchanged():
    """The constant-error carousel: with f = 1 and no other input the gradient of c after 500 steps is 1."""
    cell = LSTM(2, 50.0, inputs=1).double()
    with torch.no_grad():
        cell.recurrent.weight.zero_()
        cell.input.weight.zero_()
    c = torch.randn(1, 2, dtype=torch.float64, requires_grad=True)
    _, last = Recurrent(cell)(
        Padded.full(torch.zeros(1, 500, 1, dtype=torch.float64)), LSTMState(torch.zeros_like(c), c)
    )
    (grad,) = torch.autograd.grad(last.c.sum(), c)
    torch.testing.assert_close(grad, torch.ones_like(grad), rtol=1e-9, atol=0)


def test_the_slow_way_is_said_once(caplog, monkeypatch):
    monkeypatch.setattr(cell_base, "_logged", set())
    cell = cells.build({"name": "lstm", "hidden": 2}, inputs=1)
    gates = torch.zeros(1, 3, 8)
    masks = Masks(torch.ones(1, 2), None)
    with caplog.at_level(logging.INFO, "ostinato"):
        for _ in range(3):
            cell.scan(gates, cell.initial(1), torch.tensor([3]), masks)
    said = [record.getMessage() for record in caplog.records if "step by step" in record.getMessage()]
    assert len(said) == 1
    assert "LSTM" in said[0]
    assert "masks" in said[0]


def test_masks_over_no_steps():
    cell = LSTM(2, inputs=1)
    masks = Masks(torch.ones(1, 2), (torch.zeros(1, 0, 2, dtype=torch.bool),) * 2)
    out, state = cell.scan(torch.zeros(1, 0, 8), cell.initial(1), torch.tensor([0]), masks)
    assert out.shape == (1, 0, 2)
    assert not state.h.any()

"""Long short-term memory (Hochreiter and Schmidhuber, 1997) with a forget gate (Gers et al., 2000)."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ostinato import kernels
from ostinato.cells.base import Cell, register
from ostinato.cells.init import well_scaled
from ostinato.registry import Hidden
from ostinato.shapes import GatesAt, OutputAt
from ostinato.state import State


class LSTMState(NamedTuple):
    """h [B H], the last output, and c [B H], the cell state."""

    h: Tensor
    c: Tensor


@register("lstm", example={"hidden": 5})
class LSTM(Cell):
    """i, f, g, o = blocks of x + R h;  c' = σ(f) ∘ c + σ(i) ∘ tanh(g);  h' = σ(o) ∘ tanh(c').

    c is additive (the constant-error carousel), so its gradient neither shrinks nor grows while f ≈ 1. Therefore the
    forget gate's bias starts at `forget_bias` (Jozefowicz, Zaremba and Sutskever, 2015, section 2.2). R starts
    orthogonal block by block. The blocks of G = 4 H are in torch's order: i, f, g, o.

    Options:
        forget_bias: start value of the forget gate's bias: with b the state lives about e^b steps before anything is
            learnt.
    """

    gates = 4
    fused = kernels.lstm

    def __init__(self, hidden: Hidden, forget_bias: float = 1.0, *, inputs: int):
        super().__init__(hidden, inputs=inputs)
        self.recurrent = nn.Linear(hidden, 4 * hidden, bias=False)
        well_scaled(self)
        with torch.no_grad():
            self.input.bias[hidden : 2 * hidden] = forget_bias

    def initial(self, batch: int) -> LSTMState:
        """Zeros [batch, hidden]."""
        return LSTMState(self.zeros(batch), self.zeros(batch))

    def step(self, gates: GatesAt, state: State) -> tuple[OutputAt, LSTMState]:
        """One step, which defines the cell: gates [B G] to outputs [B H], and the state after it."""
        h, c = state
        i, f, g, o = (gates + self.recurrent(h)).chunk(4, dim=-1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        return h, LSTMState(h, c)

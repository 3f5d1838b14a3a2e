"""Gated recurrent units (Cho et al., 2014)."""

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ostinato import kernels
from ostinato.cells.base import Cell, register
from ostinato.cells.init import well_scaled
from ostinato.registry import Hidden
from ostinato.shapes import GatesAt, OutputAt
from ostinato.state import State


class GRUState(NamedTuple):
    """h [B H]: the last output, which is all that is remembered."""

    h: Tensor


@register("gru", example={"hidden": 5})
class GRU(Cell):
    """r, z = σ(blocks of x + R h);  n = tanh(x_n + r ∘ (R_n h + b));  h' = n + z ∘ (h - n).

    Where z is near 1 the state stays, so its gradient neither shrinks nor grows. `reset` "before" is the paper's
    equation 8, n = tanh(x_n + R_n (r ∘ h)); "after", as in torch and cuDNN, needs one product fewer a step and gives R
    a bias. The bias of z starts at `update_bias`: with b, an untrained state lasts for about e^b steps, as with an
    LSTM's forget_bias (Tallec and Ollivier, 2018). The blocks of G = 3 H are in torch's order: r, z, n.

    Options:
        reset: whether the reset gate acts before or after the recurrent product; torch does it after.
        update_bias: start value of the update gate's bias: with b the state lives about e^b steps before anything is
            learnt.
    """

    gates = 3
    fused = kernels.gru

    def __init__(
        self, hidden: Hidden, reset: Literal["after", "before"] = "after", update_bias: float = 0.0, *, inputs: int
    ):
        super().__init__(hidden, inputs=inputs)
        self.reset = reset
        self.recurrent = nn.Linear(hidden, 3 * hidden, bias=reset == "after")
        if reset == "before":
            self.fused = kernels.gru_before
        well_scaled(self)
        with torch.no_grad():
            self.input.bias[hidden : 2 * hidden] = update_bias

    def initial(self, batch: int) -> GRUState:
        """Zeros [batch, hidden]."""
        return GRUState(self.zeros(batch))

    def step(self, gates: GatesAt, state: State) -> tuple[OutputAt, GRUState]:
        """One step, which defines the cell: gates [B G] to outputs [B H], and the state after it."""
        (h,) = state
        x_r, x_z, x_n = gates.chunk(3, dim=-1)
        if self.reset == "after":
            p_r, p_z, p_n = self.recurrent(h).chunk(3, dim=-1)
            r, z = torch.sigmoid(x_r + p_r), torch.sigmoid(x_z + p_z)
            n = torch.tanh(x_n + r * p_n)
        else:
            of_gates, of_candidate = torch.split(self.recurrent.weight, [2 * self.hidden, self.hidden])
            p_r, p_z = functional.linear(h, of_gates).chunk(2, dim=-1)
            r, z = torch.sigmoid(x_r + p_r), torch.sigmoid(x_z + p_z)
            n = torch.tanh(x_n + functional.linear(r * h, of_candidate))
        h = n + z * (h - n)
        return h, GRUState(h)

"""The simple ("vanilla") recurrent network (Elman, 1990)."""

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from ostinato import kernels
from ostinato.cells.base import Cell, register
from ostinato.cells.init import well_scaled
from ostinato.registry import Hidden
from ostinato.shapes import GatesAt, OutputAt
from ostinato.state import State


class RNNState(NamedTuple):
    """h [B H]: the last output."""

    h: Tensor


@register("rnn", example={"hidden": 5})
class RNN(Cell):
    """h' = f(x + R h), where f is tanh or, with `nonlinearity` "relu", the rectifier; G = H.

    The gradient through T steps is a product of T Jacobians, so it shrinks or grows exponentially (Bengio, Simard and
    Frasconi, 1994). R starts orthogonal.

    Options:
        nonlinearity: the function of the sum of input and recurrent product.
    """

    gates = 1
    fused = kernels.rnn_tanh

    def __init__(self, hidden: Hidden, nonlinearity: Literal["tanh", "relu"] = "tanh", *, inputs: int):
        super().__init__(hidden, inputs=inputs)
        self.nonlinearity = nonlinearity
        self.recurrent = nn.Linear(hidden, hidden, bias=False)
        if nonlinearity == "relu":
            self.fused = kernels.rnn_relu
        well_scaled(self)

    def initial(self, batch: int) -> RNNState:
        """Zeros [batch, hidden]."""
        return RNNState(self.zeros(batch))

    def step(self, gates: GatesAt, state: State) -> tuple[OutputAt, RNNState]:
        """One step, which defines the cell: gates [B G] to outputs [B H], and the state after it."""
        (h,) = state
        gate = gates + self.recurrent(h)
        h = torch.tanh(gate) if self.nonlinearity == "tanh" else torch.relu(gate)
        return h, RNNState(h)

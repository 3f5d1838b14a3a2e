"""Row convolution (Amodei et al., 2016, section 3.7): a layer that looks a few steps ahead, and still streams."""

from typing import NamedTuple

import torch
from torch import nn

from ostinato.layers import no_steps
from ostinato.layers.base import started
from ostinato.padded import Padded


class RowState(NamedTuple):
    """Inputs whose answer waits for later ones: at most `ahead` a row."""

    held: Padded


class RowConvolution(nn.Module):
    """y_t = w_0 ∘ x_t + w_1 ∘ x_{t+1} + … + w_ahead ∘ x_{t+ahead}; past the end x is zero."""

    def __init__(self, ahead: int = 2, *, inputs: int):
        super().__init__()
        self.ahead, self.latency, self.stride = ahead, ahead, 1
        self.inputs = self.outputs = inputs
        self.weight = nn.Parameter(torch.randn(ahead + 1, inputs))

    def initial(self, batch: int) -> RowState:
        """Nothing waits."""
        return RowState(no_steps(self, batch))

    def forward(self, x: Padded, state: RowState | None = None) -> tuple[Padded, RowState]:
        """[B T D] to as many steps as have seen `ahead` more."""
        state = started(self, x, state)
        known = state.held.then(x).zeroed()
        ready = (known.lengths - self.ahead).clamp_min(0)
        _, held = known.split(ready)
        return Padded(self._sums(known), ready).trimmed(), RowState(held)

    def finish(self, state: RowState) -> Padded:
        """What waited, with silence after it."""
        held = state.held.zeroed()
        return Padded(self._sums(held), held.lengths)

    def _sums(self, x: Padded) -> torch.Tensor:
        silent = x.stretched(x.steps + self.ahead).data
        return sum(silent[:, j : j + x.steps] * self.weight[j] for j in range(self.ahead + 1))

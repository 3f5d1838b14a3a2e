"""Row convolution (Amodei et al., 2016, section 3.7): a layer that looks a few steps ahead, and still streams."""

from typing import NamedTuple

import torch
from torch import nn

from ostinato.layers import no_steps
from ostinato.layers.base import started
from ostinato.padded import Padded


class RowState(NamedTuple):
    """Inputs whose outputs wait for later ones: at most `ahead` a row [B n D]."""

    waiting: Padded


class RowConvolution(nn.Module):
    """y_t = w_0 ∘ x_t + w_1 ∘ x_{t+1} + … + w_ahead ∘ x_{t+ahead}, zeros past the end: [B T D] to [B T D]."""

    def __init__(self, ahead: int = 2, *, inputs: int):
        super().__init__()
        self.ahead, self.latency, self.stride = ahead, ahead, 1
        self.inputs = self.outputs = inputs
        self.weight = nn.Parameter(torch.randn(ahead + 1, inputs))

    def initial(self, batch: int) -> RowState:
        """No inputs wait."""
        return RowState(no_steps(self, batch))

    def forward(self, x: Padded, state: RowState | None = None) -> tuple[Padded, RowState]:
        """[B T D] to [B T' D]: the outputs whose `ahead` later steps are there."""
        state = started(self, x, state)
        inputs = state.waiting.then(x).zeroed()
        ready = (inputs.lengths - self.ahead).clamp_min(0)
        _, waiting = inputs.split(ready)
        return Padded(self._sums(inputs), ready).trimmed(), RowState(waiting)

    def finish(self, state: RowState) -> Padded:
        """[B T' D]: the outputs that waited, with zeros for the steps past the end."""
        waiting = state.waiting.zeroed()
        return Padded(self._sums(waiting), waiting.lengths)

    def _sums(self, x: Padded) -> torch.Tensor:
        data = x.stretched(x.steps + self.ahead).data
        return sum(data[:, j : j + x.steps] * self.weight[j] for j in range(self.ahead + 1))

"""MeanPooling: the mean of all inputs so far, whatever their order (the bag of vectors of Iyyer et al., 2015)."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ostinato.layers.base import nothing, register, started
from ostinato.padded import Padded
from ostinato.state import State


class MeanPoolingState(NamedTuple):
    """The sum of the inputs so far [B D], and how many they are [B]."""

    total: Tensor
    steps: Tensor


@register("mean_pooling")
class MeanPooling(nn.Module):
    """y_t = (x_0 + … + x_t) / (t + 1): [B T D] to [B T D]. The last output is the mean of the row."""

    latency: int | None = 0
    stride = 1

    def __init__(self, *, inputs: int):
        super().__init__()
        self.inputs = self.outputs = inputs
        self.register_buffer("like", torch.zeros(()), persistent=False)  # for its dtype and device: it has no weights

    def initial(self, batch: int) -> MeanPoolingState:
        """Zeros: no inputs so far."""
        like: Tensor = self.like  # type: ignore[assignment]
        return MeanPoolingState(like.new_zeros(batch, self.inputs), like.new_zeros(batch))

    def forward(self, x: Padded, state: State | None = None) -> tuple[Padded, State]:
        """[B T D] to [B T D]. Raises StreamError where the state does not fit."""
        total, count = started(self, x, state)
        data, mask = x.zeroed().data, x.mask
        sums = total.unsqueeze(1) + data.cumsum(1)
        counts = count.unsqueeze(1) + mask.cumsum(1)
        out = Padded(sums / counts.clamp_min(1).unsqueeze(-1), x.lengths).zeroed()
        return out, MeanPoolingState(total + data.sum(1), count + mask.sum(1))

    def finish(self, state: State) -> Padded:
        """No outputs: none wait."""
        return nothing(self.outputs)

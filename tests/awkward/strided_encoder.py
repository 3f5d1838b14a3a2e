"""An encoder of speech: a vector for every four frames, which also sees three frames of the next four (the strided
convolution in time of Amodei et al., 2016, section 3.3)."""

from typing import NamedTuple

import torch
from torch import nn

from ostinato.layers import no_steps
from ostinato.layers.base import started
from ostinato.padded import Padded


class EncoderState(NamedTuple):
    """The frames that an output still to come needs."""

    frames: Padded


class StridedEncoder(nn.Module):
    """y_k = tanh(W [x_{4k}; …; x_{4k+6}] + b), zeros past the end: [B T D] to [B ceil(T / 4) D]."""

    stride, latency = 4, 6

    def __init__(self, *, inputs: int):
        super().__init__()
        self.inputs = self.outputs = inputs
        self.map = nn.Linear((self.latency + 1) * inputs, inputs)

    def initial(self, batch: int) -> EncoderState:
        """No frames."""
        return EncoderState(no_steps(self, batch))

    def forward(self, x: Padded, state: EncoderState | None = None) -> tuple[Padded, EncoderState]:
        """[B T D] to [B T' D]."""
        frames = started(self, x, state).frames.then(x).zeroed()
        ready = (frames.lengths - self.latency + self.stride - 1).clamp_min(0) // self.stride
        _, rest = frames.split(ready * self.stride)
        return Padded(self._windows(frames), ready).trimmed(), EncoderState(rest)

    def finish(self, state: EncoderState) -> Padded:
        """[B T' D]: the windows that the end cuts short."""
        frames = state.frames.zeroed()
        return Padded(self._windows(frames), (frames.lengths + self.stride - 1) // self.stride)

    def _windows(self, frames: Padded) -> torch.Tensor:
        count = -(-frames.steps // self.stride)
        data = frames.stretched(count * self.stride + self.latency).data
        width = self.latency + 1
        taken = torch.arange(count).unsqueeze(1) * self.stride + torch.arange(width)  # [count width]
        return torch.tanh(self.map(data[:, taken].reshape(frames.batch, count, width * self.inputs)))

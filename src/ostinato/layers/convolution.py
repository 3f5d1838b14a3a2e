"""Convolution: dilated causal convolutions (van den Oord et al., 2016; Bai, Kolter and Koltun, 2018, section 3)."""

import torch
from torch import nn

from ostinato.errors import ConfigError
from ostinato.kernels import affine
from ostinato.layers.base import nothing, register, started
from ostinato.layers.window import with_history
from ostinato.padded import Padded
from ostinato.registry import Count, Hidden
from ostinato.state import State


@register("convolution", example={"hidden": 4, "dilations": [1, 2]})
class Convolution(nn.Module):
    """A block for each d of `dilations`: y_t = relu(Σ_i W_i x_{t − i d} + b) for 0 <= i < `width`, plus its input where
    that is as wide as y: [B T D] to [B T H].

    An output sees 1 + (width − 1) Σ d steps, so dilations that double let it see exponentially many in the number of
    blocks. Raises ConfigError where `dilations` is empty or one of them is below 1.

    Options:
        hidden: channels of every block.
        dilations: steps between the inputs of a block, one number a block.
        width: inputs that a block takes at each step.
    """

    latency: int | None = 0
    stride = 1

    def __init__(self, hidden: Hidden, dilations: list[int], width: Count = 2, *, inputs: int):
        super().__init__()
        if not dilations or min(dilations) < 1:
            raise ConfigError(
                f"convolution.dilations: {dilations} must be a list of whole numbers from 1 on; write, say, [1, 2, 4]"
            )
        self.inputs, self.outputs, self.width, self.dilations = inputs, hidden, width, dilations
        sizes = [inputs, *[hidden] * len(dilations)]
        self.maps = nn.ModuleList(nn.Linear(width * size, hidden) for size in sizes[:-1])
        self._sizes = sizes

    @property
    def field(self) -> int:
        """The receptive field: steps that one output sees."""
        return 1 + (self.width - 1) * sum(self.dilations)

    def initial(self, batch: int) -> State:
        """Zeros [B (width − 1)·d D] before the first step, for each block."""
        like = self.maps[0].weight
        reaches = [(self.width - 1) * dilation for dilation in self.dilations]
        return tuple(like.new_zeros(batch, reach, size) for reach, size in zip(reaches, self._sizes))  # type: ignore[operator]

    def forward(self, x: Padded, state: State | None = None) -> tuple[Padded, State]:
        """[B T D] to [B T H]. Raises StreamError where the state does not fit."""
        histories, after = started(self, x, state), []
        x = x.zeroed()
        for block, dilation, history in zip(self.maps, self.dilations, histories):
            both, rest = with_history(history, x)
            taps = torch.cat([both[:, i * dilation : i * dilation + x.steps] for i in range(self.width)], -1)
            out = torch.relu(affine(taps, block.weight, block.bias))  # type: ignore[arg-type]
            x = Padded(out + x.data if out.shape == x.data.shape else out, x.lengths).zeroed()
            after.append(rest)
        return x, tuple(after)

    def finish(self, state: State) -> Padded:
        """No outputs: none wait."""
        return nothing(self.outputs)

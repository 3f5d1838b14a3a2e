"""Dilated causal convolutions (van den Oord et al., 2016; Bai, Kolter and Koltun, 2018)."""

import torch
from torch import nn

from ostinato.cells.affine import affine
from ostinato.errors import ConfigError
from ostinato.layers.base import nothing, register, started
from ostinato.layers.window import joined
from ostinato.padded import Padded
from ostinato.registry import Count, Hidden
from ostinato.state import State


@register("convolution", example={"hidden": 4, "dilations": [1, 2]})
class Convolution(nn.Module):
    """A block for each of `dilations`: y_t = relu(Σ_i W_i x_{t − i d} + b), i < `width`, added to its input where that
    is as wide. A step sees 1 + (width − 1) Σ d steps: a sum of dilations, which may double from block to block, while
    without dilation it grows by width − 1 a block."""

    latency: int | None = 0

    def __init__(self, hidden: Hidden, dilations: list[int], width: Count = 2, *, inputs: int):
        super().__init__()
        if not dilations or min(dilations) < 1:
            raise ConfigError(f"convolution.dilations: {dilations} are no distances; give some from 1 on, as [1, 2, 4]")
        self.inputs, self.outputs, self.width, self.dilations = inputs, hidden, width, dilations
        sizes = [inputs, *[hidden] * len(dilations)]
        self.maps = nn.ModuleList(nn.Linear(width * size, hidden) for size in sizes[:-1])
        self._sizes = sizes

    @property
    def field(self) -> int:
        """How many steps one step sees."""
        return 1 + (self.width - 1) * sum(self.dilations)

    def initial(self, batch: int) -> State:
        """Zeros before the first step, of every block."""
        like = self.maps[0].weight
        reaches = [(self.width - 1) * dilation for dilation in self.dilations]
        return tuple(like.new_zeros(batch, reach, size) for reach, size in zip(reaches, self._sizes))  # type: ignore[operator]

    def forward(self, x: Padded, state: State | None = None) -> tuple[Padded, State]:
        """[B T inputs] to [B T outputs]."""
        before, after = started(self, x, state), []
        x = x.zeroed()
        for block, dilation, kept in zip(self.maps, self.dilations, before):
            both, rest = joined(kept, x)
            seen = torch.cat([both[:, i * dilation : i * dilation + x.steps] for i in range(self.width)], -1)
            out = torch.relu(affine(seen, block.weight, block.bias))  # type: ignore[arg-type]
            x = Padded(out + x.data if out.shape == x.data.shape else out, x.lengths).zeroed()
            after.append(rest)
        return x, tuple(after)

    def finish(self, state: State) -> Padded:
        """Nothing is held back."""
        return nothing(self.outputs)

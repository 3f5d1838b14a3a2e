"""Subsample: several steps in one, which shortens a sequence (frame stacking: Sak et al., 2015; the pyramid of Chan et
al., 2016, section 3.1)."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ostinato.layers.base import no_steps, register, started
from ostinato.padded import Padded
from ostinato.registry import Count
from ostinato.state import State


class SubsampleState(NamedTuple):
    """The steps of the group that is not full yet: fewer than `factor` a row [B n D]."""

    group: Padded


@register("subsample", example={"factor": 2})
class Subsample(nn.Module):
    """y_k = [x_{k·factor}; …; x_{k·factor + factor − 1}]: [B T D] to [B T' H], T' = ⌈T / factor⌉ and H = factor · D.

    Where a sequence ends within a group, zeros fill the group.

    Options:
        factor: steps that become one, side by side.
    """

    def __init__(self, factor: Count, *, inputs: int):
        super().__init__()
        self.factor = self.stride = factor
        self.latency: int | None = factor - 1
        self.inputs, self.outputs = inputs, factor * inputs
        self.register_buffer("like", torch.zeros(()), persistent=False)  # for its dtype and device: it has no weights

    def initial(self, batch: int) -> SubsampleState:
        """No step of a group."""
        return SubsampleState(no_steps(self, batch))

    def forward(self, x: Padded, state: State | None = None) -> tuple[Padded, State]:
        """[B T D] to [B T' H], an output for each full group. Raises StreamError where the state does not fit."""
        (group,) = started(self, x, state)
        steps = group.then(x)
        full, rest = steps.split(steps.lengths // self.factor * self.factor)
        return self._grouped(full), SubsampleState(rest)

    def finish(self, state: State) -> Padded:
        """[B 1 H]: the group that the sequence's end cut short, filled with zeros."""
        return self._grouped(state[0].zeroed())

    def _grouped(self, x: Padded) -> Padded:
        lengths = (x.lengths + self.factor - 1) // self.factor
        groups = -(-x.steps // self.factor)

        def side_by_side(data: Tensor) -> Tensor:
            return data.reshape(x.batch, groups, self.outputs)

        return Padded(side_by_side(x.stretched(groups * self.factor).data), lengths)

"""Residual: a layer with a shortcut around it (He et al., 2016, equation 1)."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ostinato.errors import ConfigError
from ostinato.layers.base import SequenceLayer, as_module, no_steps, register, started
from ostinato.padded import Padded
from ostinato.registry import Spec
from ostinato.state import State


class ResidualState(NamedTuple):
    """The inner layer's state; the steps of the input that wait for its outputs; how many more steps of the input go by
    before the next that the shortcut takes [B]."""

    inner: State
    waiting: Padded
    skip: Tensor


class Residual(nn.Module):
    """layer(x) + x: [B T D] to [B T' D]. Around a layer of stride s, output k has step k · s of the input added; where
    the layer's outputs are late, those steps wait for them.

    Raises ConfigError where the layer's outputs are not as wide as its inputs.
    """

    def __init__(self, layer: SequenceLayer):
        super().__init__()
        self.layer = as_module(layer)
        if layer.inputs != layer.outputs:
            raise ConfigError(
                f"Residual: {type(layer).__name__} turns {layer.inputs} inputs into {layer.outputs} outputs; "
                "make them equal"
            )
        self.inputs, self.outputs = layer.inputs, layer.outputs
        self.latency: int | None = layer.latency
        self.stride = layer.stride
        self._waits = bool(self.latency) or (self.latency == 0 and self.stride > 1)

    def initial(self, batch: int) -> State:
        """The layer's own where each call answers all its steps, else a ResidualState in which no step waits."""
        inner = self.layer.initial(batch)
        if not self._waits:
            return inner
        return ResidualState(inner, no_steps(self.layer, batch), torch.zeros(batch, dtype=torch.int64))

    def forward(self, x: Padded, state: State | None = None) -> tuple[Padded, State]:
        """[B T D] to [B T' D]. Raises StreamError where the state does not fit."""
        state = started(self, x, state)
        if not self._waits:
            out, state = self.layer(x, state)
            return _sum(out, _every(x, self.stride, torch.zeros_like(x.lengths))), state
        out, inner = self.layer(x, state[0])
        shortcut = state[1].then(_every(x, self.stride, state[2]))
        ready, waiting = shortcut.split(out.lengths)
        return _sum(out, ready), ResidualState(inner, waiting, (state[2] - x.lengths) % self.stride)

    def finish(self, state: State) -> Padded:
        """[B T' D]: the layer's late outputs, with the steps that waited for them."""
        if not self._waits:
            return self.layer.finish(state)
        out = self.layer.finish(state[0])
        return _sum(out, state[1]) if out.steps else out


def _every(x: Padded, stride: int, skip: Tensor) -> Padded:
    """Of each row i [T D] the steps skip[i], skip[i] + stride, …"""
    if stride == 1:
        return x
    lengths = (x.lengths - skip + stride - 1).clamp_min(0) // stride
    most = -(-x.steps // stride)
    places = skip.unsqueeze(1) + stride * torch.arange(most, device=skip.device)
    places = places.clamp_max(max(x.steps - 1, 0)).to(x.data.device)
    rows = torch.arange(x.batch, device=x.data.device).unsqueeze(1)
    return Padded(x.data[rows, places], lengths)


def _sum(out: Padded, shortcut: Padded) -> Padded:
    """Both at as many steps as the longer has: either may have trimmed its padding."""
    steps = max(out.steps, shortcut.steps)
    return Padded(out.stretched(steps).data + shortcut.stretched(steps).data, out.lengths)


@register("residual", example={"layer": {"name": "recurrent", "cell": {"name": "lstm", "hidden": 3}}})
def residual(layer: Spec[SequenceLayer], *, inputs: int) -> Residual:
    """A layer with a shortcut around it.

    Options:
        layer: the layer whose input is added to its output.
    """
    return Residual(layer.build(inputs=inputs))

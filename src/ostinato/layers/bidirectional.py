"""Backward and Bidirectional: layers that read a sequence from its end (Schuster and Paliwal, 1997)."""

import torch

from ostinato.errors import ConfigError
from ostinato.layers.base import SequenceLayer, WholeSequence, as_module, register, started, whole
from ostinato.padded import Padded
from ostinato.registry import Spec
from ostinato.state import State


class Backward(WholeSequence):
    """Runs a layer from each row's last real step to its first: [B T inputs] to [B T outputs].

    Raises ConfigError where the layer has a stride above 1: its groups of steps would be counted from the row's end.
    """

    def __init__(self, layer: SequenceLayer):
        super().__init__()
        self.layer = as_module(layer)
        _check_stride("Backward", layer)
        self.inputs, self.outputs = layer.inputs, layer.outputs

    def forward(self, x: Padded, state: State | None = None) -> tuple[Padded, State]:
        """[B T inputs] to [B T outputs]; output t depends on steps t and later. Raises StreamError for a state."""
        started(self, x, state)
        return whole(self.layer, x.reversed()).reversed(), ()


class Bidirectional(WholeSequence):
    """Two layers over the same steps, one in each direction, their outputs side by side.

    [B T inputs] to [B T forward.outputs + backward.outputs]. Raises ConfigError where the two take different inputs or
    one of them has a stride above 1.
    """

    def __init__(self, forward: SequenceLayer, backward: SequenceLayer):
        super().__init__()
        self.ahead, self.back = as_module(forward), Backward(backward)
        _check_stride("Bidirectional", forward)
        if forward.inputs != backward.inputs:
            raise ConfigError(
                f"Bidirectional: one side takes {forward.inputs} inputs and the other {backward.inputs}; "
                "give both the same"
            )
        self.inputs, self.outputs = forward.inputs, forward.outputs + backward.outputs

    def forward(self, x: Padded, state: State | None = None) -> tuple[Padded, State]:
        """[B T inputs] to [B T outputs]. Raises StreamError for a state."""
        started(self, x, state)
        ahead, (back, _) = whole(self.ahead, x), self.back(x)
        # A side that looks ahead may have trimmed its padding.
        sides = [side.stretched(x.steps).data for side in (ahead, back)]
        return Padded(torch.cat(sides, dim=-1), x.lengths), ()


def _check_stride(name: str, layer: SequenceLayer) -> None:
    if layer.stride != 1:
        raise ConfigError(
            f"{name}: {type(layer).__name__} gives one output for {layer.stride} steps, and counted from the other end "
            "its groups would hold other steps; put the subsampling before it, in a stack"
        )


@register("backward", example={"layer": {"name": "recurrent", "cell": {"name": "lstm", "hidden": 4}}})
def backward(layer: Spec[SequenceLayer], *, inputs: int) -> Backward:
    """A layer from the last step to the first.

    Options:
        layer: the layer that reads from the last step to the first.
    """
    return Backward(layer.build(inputs=inputs))


@register("bidirectional", example={"layer": {"name": "recurrent", "cell": {"name": "lstm", "hidden": 4}}})
def bidirectional(layer: Spec[SequenceLayer], *, inputs: int) -> Bidirectional:
    """The same kind of layer in both directions, each with its own parameters.

    Options:
        layer: the layer of each direction; both have parameters of their own, and their outputs are concatenated.
    """
    return Bidirectional(layer.build(inputs=inputs), layer.build(inputs=inputs))

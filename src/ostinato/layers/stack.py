"""Stack: layers one after another."""

from collections.abc import Sequence
from itertools import pairwise
from math import prod

from torch import nn

from ostinato.errors import ConfigError
from ostinato.layers.base import SequenceLayer, as_module, nothing, register, started, whole
from ostinato.padded import Padded
from ostinato.registry import Spec
from ostinato.state import State


class Stack(nn.Module):
    """Layers one after another; the state is the tuple of theirs.

    Its stride is the product of theirs, Π s_i. Its latency, in its own input steps, is Σ latency_i · Π_{j<i} s_j: one
    step of layer i is Π_{j<i} s_j steps of the input.

    Raises ConfigError where there is no layer or the outputs of one are not as wide as the inputs of the next.
    """

    def __init__(self, layers: Sequence[SequenceLayer]):
        super().__init__()
        if not layers:
            raise ConfigError("Stack: it has no layer; give it at least one")
        self.layers = nn.ModuleList(as_module(layer) for layer in layers)  # type: ignore[arg-type]
        for below, above in pairwise(layers):
            if below.outputs != above.inputs:
                raise ConfigError(
                    f"Stack: {type(below).__name__} gives {below.outputs} outputs but {type(above).__name__} takes "
                    f"{above.inputs} inputs; make them equal"
                )
        self.inputs, self.outputs = layers[0].inputs, layers[-1].outputs
        self.stride = prod(layer.stride for layer in layers)
        self.latency: int | None = 0
        steps = 1  # of the stack's input, for one step of the layer
        for layer in layers:
            if layer.latency is None:
                self.latency = None
                break
            self.latency += layer.latency * steps
            steps *= layer.stride

    def initial(self, batch: int) -> State:
        """One state a layer; () where a layer needs the whole sequence."""
        if self.latency is None:
            return ()
        return tuple(layer.initial(batch) for layer in self._each())

    def forward(self, x: Padded, state: State | None = None) -> tuple[Padded, State]:
        """[B T inputs] to [B T' outputs]. Raises StreamError where the state does not fit."""
        if self.latency is None:  # a layer that needs the whole sequence must get the late outputs of those below
            started(self, x, state)
            for layer in self._each():
                x = whole(layer, x)
            return x, ()
        state = started(self, x, state)
        after: list[State] = []
        for layer, before in zip(self._each(), state):
            x, state_after = layer(x, before)
            after.append(state_after)
        return x, tuple(after)

    def finish(self, state: State) -> Padded:
        """[B T' outputs]: the outputs that each layer still owes, put through the layers above it."""
        if self.latency is None:
            return nothing(self.outputs)
        late = nothing(self.inputs)
        for layer, before in zip(self._each(), state):
            out = nothing(layer.outputs)
            if late.steps:
                out, before = layer(late, before)
            late = out.then(layer.finish(before))
        return late

    def _each(self) -> list[SequenceLayer]:
        return list(self.layers)  # type: ignore[arg-type]


@register(
    "stack",
    example={
        "layers": [
            {"name": "recurrent", "cell": {"name": "lstm", "hidden": 4}},
            {"name": "recurrent", "cell": {"name": "lstm", "hidden": 3}},
        ]
    },
)
def stack(layers: list[Spec[SequenceLayer]], *, inputs: int) -> Stack:
    """Layers one after another, each taking the outputs of the one below.

    Options:
        layers: the layers, the first of which takes the input.
    """
    built: list[SequenceLayer] = []
    for layer in layers:
        built.append(layer.build(inputs=built[-1].outputs if built else inputs))
    return Stack(built)

"""Recurrent layers: a cell over time, the other way, both ways, one after another, around a shortcut."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import nn

from ostinato.cells import Cell
from ostinato.errors import ConfigError
from ostinato.layers.base import SequenceLayer, as_module, nothing, register, started, unread, whole
from ostinato.padded import Padded
from ostinato.registry import Spec
from ostinato.state import State


class Recurrent(nn.Module):
    """A cell folded over time: x [B T inputs] to [B T outputs], zero on padding; the state is the cell's."""

    latency: int | None = 0

    def __init__(self, cell: Cell):
        super().__init__()
        self.cell = cell
        self.inputs, self.outputs = cell.inputs, cell.outputs

    def initial(self, batch: int) -> State:
        """The cell's."""
        return self.cell.initial(batch)

    def forward(self, x: Padded, state: State | None = None) -> tuple[Padded, State]:
        """Every step of every row; rows that have ended keep their state."""
        state = started(self, x, state)
        out, state = self.cell.run(x.data, state, x.lengths)
        return Padded(out, x.lengths), state

    def finish(self, state: State) -> Padded:
        """Nothing is held back."""
        return nothing(self.outputs)


class Whole(nn.Module):
    """A layer that must see the whole sequence: it starts anew at every call and cannot stream."""

    latency: int | None = None
    inputs: int
    outputs: int

    def initial(self, batch: int) -> State:
        """Nothing: no call goes on from another."""
        return ()

    def finish(self, state: State) -> Padded:
        """Nothing is held back."""
        return nothing(self.outputs)


class Backward(Whole):
    """A layer run from each row's last real step to its first."""

    def __init__(self, layer: SequenceLayer):
        super().__init__()
        self.layer = as_module(layer)
        self.inputs, self.outputs = layer.inputs, layer.outputs

    def forward(self, x: Padded, state: State | None = None) -> tuple[Padded, State]:
        """[B T inputs] to [B T outputs], step t having seen steps t and later."""
        started(self, x, state)
        return whole(self.layer, x.reversed()).reversed(), ()


class Bidirectional(Whole):
    """Two layers over the same steps, their outputs side by side (Schuster and Paliwal, 1997)."""

    def __init__(self, forward: SequenceLayer, backward: SequenceLayer):
        super().__init__()
        if forward.inputs != backward.inputs:
            raise ConfigError(
                f"Bidirectional: one side takes {forward.inputs} inputs and the other {backward.inputs}; "
                "give both the same"
            )
        self.ahead, self.back = as_module(forward), Backward(backward)
        self.inputs, self.outputs = forward.inputs, forward.outputs + backward.outputs

    def forward(self, x: Padded, state: State | None = None) -> tuple[Padded, State]:
        """[B T inputs] to [B T outputs]: the outputs of `forward`, then those of `backward`."""
        started(self, x, state)
        ahead, (back, _) = whole(self.ahead, x), self.back(x)
        # A side that looks ahead may have trimmed its padding.
        both = [side.stretched(x.steps).data for side in (ahead, back)]
        return Padded(torch.cat(both, dim=-1), x.lengths), ()


class Stack(nn.Module):
    """Layers one after another; the state is the tuple of theirs, the latency their sum."""

    def __init__(self, layers: Sequence[SequenceLayer]):
        super().__init__()
        if not layers:
            raise ConfigError("Stack: it has no layer; give it at least one")
        for below, above in pairwise(layers):
            if below.outputs != above.inputs:
                raise ConfigError(
                    f"Stack: {type(below).__name__} gives {below.outputs} outputs but {type(above).__name__} takes "
                    f"{above.inputs} inputs; make them equal"
                )
        self.layers = nn.ModuleList(as_module(layer) for layer in layers)  # type: ignore[arg-type]
        self.inputs, self.outputs = layers[0].inputs, layers[-1].outputs
        waits = [layer.latency for layer in layers]
        self.latency: int | None = None if None in waits else sum(wait or 0 for wait in waits)

    def initial(self, batch: int) -> State:
        """One state a layer; nothing where the stack needs the whole sequence."""
        if self.latency is None:
            return ()
        return tuple(layer.initial(batch) for layer in self._each())

    def forward(self, x: Padded, state: State | None = None) -> tuple[Padded, State]:
        """[B T inputs] to [B T' outputs]."""
        if self.latency is None:  # a part that needs the whole sequence must get what those below hold back
            started(self, x, state)
            for layer in self._each():
                x = whole(layer, x)
            return x, ()
        state = started(self, x, state)
        after: list[State] = []
        for layer, mine in zip(self._each(), state):
            x, mine = layer(x, mine)
            after.append(mine)
        return x, tuple(after)

    def finish(self, state: State) -> Padded:
        """What each layer held back, put through those above it."""
        held = nothing(self.inputs)
        if self.latency is None:
            return nothing(self.outputs)
        for layer, mine in zip(self._each(), state):
            said = nothing(layer.outputs)
            if held.steps:
                said, mine = layer(held, mine)
            held = said.then(layer.finish(mine))
        return held

    def _each(self) -> list[SequenceLayer]:
        return list(self.layers)  # type: ignore[arg-type]


class ResidualState(NamedTuple):
    """The inner layer's state, and inputs that wait for its answer."""

    inner: State
    held: Padded


class Residual(nn.Module):
    """x + layer(x); where the layer looks ahead, x waits for it."""

    def __init__(self, layer: SequenceLayer):
        super().__init__()
        if layer.inputs != layer.outputs:
            raise ConfigError(
                f"Residual: {type(layer).__name__} turns {layer.inputs} inputs into {layer.outputs} outputs; "
                "make them equal"
            )
        self.layer = as_module(layer)
        self.inputs, self.outputs = layer.inputs, layer.outputs
        self.latency: int | None = layer.latency

    def initial(self, batch: int) -> State:
        """The layer's, and no input waiting (none ever does where the layer answers at once)."""
        inner = self.layer.initial(batch)
        if not self.latency:
            return inner
        return ResidualState(inner, unread(self.layer, batch))

    def forward(self, x: Padded, state: State | None = None) -> tuple[Padded, State]:
        """[B T D] to [B T' D]."""
        state = started(self, x, state)
        if not self.latency:
            out, state = self.layer(x, state)
            return Padded(out.data + x.data, out.lengths), state
        out, inner = self.layer(x, state[0])
        ready, held = state[1].then(x).split(out.lengths)
        return Padded(out.data + ready.stretched(out.steps).data, out.lengths), ResidualState(inner, held)

    def finish(self, state: State) -> Padded:
        """What the layer held back, with the inputs that waited for it."""
        if not self.latency:
            return self.layer.finish(state)
        out = self.layer.finish(state[0])
        return Padded(out.data + state[1].stretched(out.steps).data[:, : out.steps], out.lengths)


@register("recurrent", example={"cell": {"name": "lstm", "hidden": 4}})
def recurrent(cell: Spec[Cell], *, inputs: int) -> Recurrent:
    """A cell over time."""
    return Recurrent(cell.build(inputs=inputs))


@register("backward", example={"layer": {"name": "recurrent", "cell": {"name": "lstm", "hidden": 4}}})
def backward(layer: Spec[SequenceLayer], *, inputs: int) -> Backward:
    """A layer from the last step to the first."""
    return Backward(layer.build(inputs=inputs))


@register("bidirectional", example={"layer": {"name": "recurrent", "cell": {"name": "lstm", "hidden": 4}}})
def bidirectional(layer: Spec[SequenceLayer], *, inputs: int) -> Bidirectional:
    """The same kind of layer in both directions, each with its own parameters."""
    return Bidirectional(layer.build(inputs=inputs), layer.build(inputs=inputs))


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
    """Layers one after another, each taking what the one below gives."""
    built: list[SequenceLayer] = []
    for layer in layers:
        built.append(layer.build(inputs=built[-1].outputs if built else inputs))
    return Stack(built)


@register("residual", example={"layer": {"name": "recurrent", "cell": {"name": "lstm", "hidden": 3}}})
def residual(layer: Spec[SequenceLayer], *, inputs: int) -> Residual:
    """A layer with a shortcut around it."""
    return Residual(layer.build(inputs=inputs))

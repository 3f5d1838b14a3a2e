"""SequenceLayer: a layer, a stack, a whole encoder; the same call offline and streaming."""

from typing import Protocol, TypeVar, runtime_checkable

import torch
from torch import nn

from ostinato.errors import StreamError
from ostinato.padded import Padded
from ostinato.registry import Registry
from ostinato.state import State, fit


@runtime_checkable
class SequenceLayer(Protocol):
    """From sequences to sequences, with a state between one piece of a sequence and the next.

    A call answers as many steps as it can and keeps the rest in the state; `finish` gives what was held back. So the
    offline answer is `whole(layer, x)`, and any way of cutting `x` gives the same.
    """

    inputs: int
    outputs: int
    latency: int | None
    """Steps it must wait before it can answer (0: none); None: it needs the whole sequence, and cannot stream."""

    def initial(self, batch: int) -> State:
        """The state before the first step."""
        ...

    def __call__(self, x: Padded, state: State | None = None) -> tuple[Padded, State]:
        """[B T inputs] to [B T' outputs]; T' is T but for what a latency holds back. No state: start anew."""
        ...

    def finish(self, state: State) -> Padded:
        """What was held back, once the sequence has ended."""
        ...


L = TypeVar("L", bound=SequenceLayer)


class Memoryless(nn.Module):
    """A SequenceLayer whose every step stands alone: its state is empty and it holds nothing back."""

    latency: int | None = 0

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.inputs, self.outputs = inputs, outputs

    def initial(self, batch: int) -> State:
        """Nothing."""
        return ()

    def finish(self, state: State) -> Padded:
        """Nothing."""
        return nothing(self.outputs)


def nothing(outputs: int) -> Padded:
    """No steps of no rows: the answer of a layer that held nothing back."""
    return Padded(torch.zeros(0, 0, outputs), torch.zeros(0, dtype=torch.int64))


def unread(layer: SequenceLayer, batch: int) -> Padded:
    """No steps of `batch` rows of what the layer reads, in its dtype and on its device: where a wait begins."""
    weights = (p for p in layer.parameters() if p.is_floating_point()) if isinstance(layer, nn.Module) else iter(())
    like = next(weights, torch.zeros(0))
    return Padded(like.new_zeros(batch, 0, layer.inputs), torch.zeros(batch, dtype=torch.int64))


def whole(layer: SequenceLayer, x: Padded) -> Padded:
    """The offline answer: one call and what was held back."""
    out, state = layer(x)
    return out.then(layer.finish(state))


def started(layer: SequenceLayer, x: Padded, state: State | None) -> State:
    """The state to go on from: a fresh one, or the caller's if it fits. Raises StreamError where it does not."""
    name = type(layer).__name__
    if layer.latency is None and state not in (None, ()):
        raise StreamError(f"{name}: it needs the whole sequence and takes no state; give it all steps at once")
    if state is None:
        return layer.initial(x.batch)
    return fit(state, layer.initial(1), x.batch, name)


def as_module(layer: L) -> L:
    """The layer, if it is a torch module too, so that its parameters can be trained. Raises TypeError if not."""
    if not isinstance(layer, nn.Module):
        raise TypeError(f"{type(layer).__name__} is no torch.nn.Module; its parameters could not be trained")
    return layer


layers: Registry[SequenceLayer] = Registry(SequenceLayer, "layer", "ostinato.layers", renamed={"bag": "mean_pooling"})
register = layers.register

"""SequenceLayer: a layer, a stack, a whole encoder; the same call offline and streaming."""

from itertools import chain
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

    T steps of a row give ⌈T / stride⌉ outputs. The call that brings the row to k · stride + 1 + latency steps gives
    output k (counted from 0), and none before it does; `finish` gives the outputs still due when the sequence ends. So
    the offline outputs are `whole(layer, x)`, and any way of cutting `x` into pieces gives the same.
    """

    inputs: int
    outputs: int
    latency: int | None
    """Input steps that an output waits for beyond its own (0: none). None: the layer needs the whole sequence and
    cannot stream."""
    stride: int
    """Input steps for one output (1: an output for each step)."""

    def initial(self, batch: int) -> State:
        """The state of `batch` rows before the first step."""
        ...

    def __call__(self, x: Padded, state: State | None = None) -> tuple[Padded, State]:
        """[B T inputs] to [B T' outputs] and the state after; without a state, from `initial`.

        Raises StreamError where the state does not fit.
        """
        ...

    def finish(self, state: State) -> Padded:
        """[B T' outputs]: the outputs still due once the sequence has ended."""
        ...


L = TypeVar("L", bound=SequenceLayer)


class Memoryless(nn.Module):
    """A SequenceLayer whose every step stands alone: its state is () and no output is late."""

    latency: int | None = 0
    stride = 1

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.inputs, self.outputs = inputs, outputs

    def initial(self, batch: int) -> State:
        """()."""
        return ()

    def finish(self, state: State) -> Padded:
        """No outputs: none wait."""
        return nothing(self.outputs)


class WholeSequence(nn.Module):
    """A SequenceLayer that needs the whole sequence: each call is one, its state is (), and it cannot stream."""

    latency: int | None = None
    stride = 1
    inputs: int
    outputs: int

    def initial(self, batch: int) -> State:
        """()."""
        return ()

    def finish(self, state: State) -> Padded:
        """No outputs: none wait."""
        return nothing(self.outputs)


def nothing(outputs: int) -> Padded:
    """[0 0 outputs]: no steps of no rows, what `finish` of a layer gives whose outputs are never late."""
    return Padded(torch.zeros(0, 0, outputs), torch.zeros(0, dtype=torch.int64))


def no_steps(layer: SequenceLayer, batch: int) -> Padded:
    """[B 0 inputs]: no steps of `batch` rows, in the dtype and on the device of the layer's parameters and buffers."""
    tensors = chain(layer.parameters(), layer.buffers()) if isinstance(layer, nn.Module) else iter(())
    like = next((tensor for tensor in tensors if tensor.is_floating_point()), torch.zeros(0))
    return Padded(like.new_zeros(batch, 0, layer.inputs), torch.zeros(batch, dtype=torch.int64))


def whole(layer: SequenceLayer, x: Padded) -> Padded:
    """The offline outputs: [B T inputs] to [B ⌈T / stride⌉ outputs], by one call and `finish`."""
    out, state = layer(x)
    return out.then(layer.finish(state))


def started(layer: SequenceLayer, x: Padded, state: State | None) -> State:
    """The state to go on from with x [B T inputs]: a new one, or the caller's. Raises StreamError where it does not
    fit."""
    name = type(layer).__name__
    if layer.latency is None and state not in (None, ()):
        raise StreamError(f"{name}: it needs the whole sequence and takes no state; give it all steps at once")
    if state is None:
        return layer.initial(x.batch)
    return fit(state, layer.initial(1), x.batch, name)


def as_module(layer: L) -> L:
    """The layer itself. Raises TypeError where it is no torch.nn.Module or lacks an attribute of SequenceLayer."""
    name = type(layer).__name__
    if not isinstance(layer, nn.Module):
        raise TypeError(f"{name} is no torch.nn.Module, so its parameters could not be trained; derive it from one.")
    for attribute in ("inputs", "outputs", "latency", "stride"):
        if not hasattr(layer, attribute):
            raise TypeError(f"{name} has no attribute {attribute}; give it those of ostinato.layers.SequenceLayer.")
    return layer


def alteration(module: nn.Module, kind: type[nn.Module]) -> str | None:
    """What a call of the module does beside `kind.forward` ("has forward hooks"); None where it does that alone."""
    if type(module).forward is not kind.forward:
        return "has a forward of its own"
    return instance_alteration(module)


def instance_alteration(module: nn.Module) -> str | None:
    """What a call of this module does beside its class's forward; None where it does that alone."""
    if "forward" in vars(module):
        return "had its forward replaced"
    return "has forward hooks" if module._forward_hooks or module._forward_pre_hooks else None


layers: Registry[SequenceLayer] = Registry(SequenceLayer, "layer", "ostinato.layers", renamed={"bag": "mean_pooling"})
register = layers.register

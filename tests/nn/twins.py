"""A layer of ours beside torch's own with the same parameters, and how what they give is compared."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

import ostinato.nn
from ostinato.testing.tolerances import GRADIENTS, REFERENCE, assert_close, assert_same

LAYERS = ("RNN", "LSTM", "GRU")
CELLS = ("RNNCell", "LSTMCell", "GRUCell")


def twins(name: str, *arguments: Any, **options: Any) -> tuple[nn.Module, nn.Module]:
    """Ours, and torch's with a copy of its parameters."""
    ours = getattr(ostinato.nn, name)(*arguments, **options)
    theirs = getattr(nn, name)(*arguments, **options)
    theirs.load_state_dict(ours.state_dict())
    return ours.train(), theirs.train()


def tensors(thing: Any) -> list[Tensor]:
    """The floating-point tensors of what a layer takes or gives, in order."""
    if isinstance(thing, PackedSequence):
        return [thing.data]
    if isinstance(thing, Tensor):
        return [thing]
    return [tensor for part in thing or () for tensor in tensors(part)]


def mapped(thing: Any, function: Any) -> Any:
    """The same thing with `function` done to each of those."""
    if isinstance(thing, PackedSequence):
        return thing._replace(data=function(thing.data))
    if isinstance(thing, Tensor):
        return function(thing)
    return None if thing is None else tuple(mapped(part, function) for part in thing)


def leaf(tensor: Tensor) -> Tensor:
    """A tensor of the same values and strides that wants a gradient of its own."""
    return tensor.detach().clone(memory_format=torch.preserve_format).requires_grad_()


def doubled(tensor: Tensor) -> Tensor:
    return leaf(tensor.double())


@contextmanager
def never_torch(layer: nn.Module) -> Iterator[None]:
    """Fails where `layer` falls back on torch's own forward."""
    plain = next(kind for kind in type(layer).__mro__ if kind.__module__.startswith("torch.nn.modules."))
    forward = plain.forward

    def guarded(self: nn.Module, *arguments: Any) -> Any:
        assert self is not layer, "torch ran it"
        return forward(self, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plain, "forward", guarded)
        yield


def run(layer: nn.Module, x: Any, hx: Any, seed: int = 0) -> tuple[Any, list[Tensor | None]]:
    """What `layer` gives, and the gradients of a loss that every number of it is part of: of x, hx and parameters."""
    torch.manual_seed(seed)
    results = layer(x) if hx is None else layer(x, hx)
    torch.manual_seed(seed)
    # Drawn in the order of torch's own axes and in float32, so that each way to the same results meets the same loss.
    loss = sum((result * torch.randn(result.shape).to(result.dtype)).sum() for result in tensors(results))
    wanted = [*tensors(x), *tensors(hx), *layer.parameters()]
    return results, list(torch.autograd.grad(loss, wanted, allow_unused=True))


def assert_alike(ours: nn.Module, theirs: nn.Module, x: Any, hx: Any = None, seed: int = 0) -> None:
    """Outputs, states and gradients of ours within the tables' reach of torch's own in fp64, whose shapes they have."""
    with never_torch(ours):
        found, gradients = run(ours, mapped(x, leaf), mapped(hx, leaf), seed)
    exact = copy.deepcopy(theirs).double()
    wanted, exact_gradients = run(exact, mapped(x, doubled), mapped(hx, doubled), seed)
    assert type(found) is type(wanted)
    for packed, other in zip(found, wanted, strict=True) if isinstance(found, tuple) else ():
        assert type(packed) is type(other)
        if isinstance(packed, PackedSequence):
            for mine, theirs_ in zip(packed[1:], other[1:], strict=True):
                assert (mine is None and theirs_ is None) or torch.equal(mine, theirs_)
    for number, (mine, other) in enumerate(zip(tensors(found), tensors(wanted), strict=True)):
        assert_close(mine, other.to(mine.dtype), f"result {number}", REFERENCE)
    for number, (mine, other) in enumerate(zip(gradients, exact_gradients, strict=True)):
        assert (mine is None) == (other is None), f"gradient {number}"
        if mine is not None:
            assert_close(mine, other.to(mine.dtype), f"gradient {number}", GRADIENTS)


def assert_bits(found: Any, wanted: Any, what: str) -> None:
    for number, (mine, other) in enumerate(zip(tensors(found), tensors(wanted), strict=True)):
        assert_same(mine, other, f"{what}, {number}")

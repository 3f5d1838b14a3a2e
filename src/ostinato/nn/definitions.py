"""torch.nn's recurrences: for each, the compiled scan that runs it and the definition of its step in plain torch."""

import logging
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from ostinato import kernels
from ostinato.kernels import Scan, Weights
from ostinato.kernels.constants import zeros
from ostinato.kernels.scan import Leaves

log = logging.getLogger(__name__)


def lstm_step(x: Tensor, state: Leaves, weights: Weights) -> tuple[Tensor, Leaves]:
    """torch.nn.LSTM's equations: x [B D], state h [B P], c [B H] to outputs [B P] and the next state.

    `weights.output`, where given, projects h (P < H).
    """
    h, c = state
    i, f, g, o = _gates(x, h, weights).chunk(4, dim=-1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    h = torch.sigmoid(o) * torch.tanh(c)
    if weights.output is not None:
        h = functional.linear(h, weights.output)
    return h, (h, c)


def gru_step(x: Tensor, state: Leaves, weights: Weights) -> tuple[Tensor, Leaves]:
    """torch.nn.GRU's equations, reset after the product: x [B D], state h [B H] to outputs [B H] and the next state."""
    (h,) = state
    x_r, x_z, x_n = functional.linear(x, _input(weights), weights.input_bias).chunk(3, dim=-1)
    h_r, h_z, h_n = functional.linear(h, weights.hidden, weights.hidden_bias).chunk(3, dim=-1)
    n = torch.tanh(x_n + torch.sigmoid(x_r + h_r) * h_n)
    h = torch.lerp(n, h, torch.sigmoid(x_z + h_z))
    return h, (h,)


def tanh_step(x: Tensor, state: Leaves, weights: Weights) -> tuple[Tensor, Leaves]:
    """h' = tanh(W x + R h + b): x [B D], state h [B H] to outputs [B H] and the next state."""
    h = torch.tanh(_gates(x, state[0], weights))
    return h, (h,)


def relu_step(x: Tensor, state: Leaves, weights: Weights) -> tuple[Tensor, Leaves]:
    """h' = relu(W x + R h + b): x [B D], state h [B H] to outputs [B H] and the next state."""
    h = torch.relu(_gates(x, state[0], weights))
    return h, (h,)


class RecurrenceKind(NamedTuple):
    """A recurrence: its compiled scan, the definition of its step, and whether, under autocast, a state of a wider
    dtype widens the results."""

    scan: Scan
    step: Callable[[Tensor, Leaves, Weights], tuple[Tensor, Leaves]]
    promotes: bool

    def state(self, hx: Any, x: Tensor, shapes: tuple[tuple[int, ...], ...]) -> Leaves | None:
        """The leaves of `hx` (a pair for an LSTM, else one tensor), or zeros of x's dtype where it is None.

        `shapes` are those of the leaves, for example [1 B H]; None where `hx` does not fit.
        """
        shapes = shapes[: self.scan.states]
        if hx is None:
            return tuple([zeros(shape, x) for shape in shapes])
        paired, given = len(shapes) == 2, isinstance(hx, (tuple, list))
        leaves = tuple(hx) if paired and given else (hx,)
        fits = len(leaves) == len(shapes) and all(isinstance(leaf, Tensor) for leaf in leaves)
        return leaves if fits and all(leaf.shape == shape for leaf, shape in zip(leaves, shapes, strict=True)) else None

    def refuses(self, x: Tensor, lengths: Tensor, state: Leaves, weights: Iterable[Weights]) -> str | None:
        """Why the compiled scan cannot run this call ("a tensor on cuda"): x [B T D], lengths [B]; None if it can, with
        each of `weights`."""
        for each in weights:
            reason = _overloaded((x, *state, *each)) or self.scan.refuses(x, lengths, state, each)
            if reason:
                return reason
        return None

    def cast(self, results: Leaves, given: Leaves, projected: bool) -> Leaves:
        """The results [...] (those of h first, c last) in the dtypes of torch's own layers under autocast; unchanged
        without autocast.

        The scans compute in float32. torch's linear maps give autocast's dtype, and a product with the given state, h
        or c, has the wider dtype of the two; a plain RNN and a projection end in a linear map.
        """
        if not torch.is_autocast_enabled("cpu") or results[0].dtype is torch.float64:
            return results
        half = torch.get_autocast_dtype("cpu")
        wide = torch.promote_types(half, given[-1].dtype) if self.promotes else half
        types = [half if projected else wide] * (len(results) - 1) + [wide]
        return tuple(result.to(dtype) for result, dtype in zip(results, types, strict=True))


KINDS = {
    "RNN_TANH": RecurrenceKind(kernels.rnn_tanh, tanh_step, promotes=False),
    "RNN_RELU": RecurrenceKind(kernels.rnn_relu, relu_step, promotes=False),
    "LSTM": RecurrenceKind(kernels.lstm, lstm_step, promotes=True),
    "GRU": RecurrenceKind(kernels.gru, gru_step, promotes=True),
}


def watched() -> str | None:
    """What intercepts torch's operations one by one, and would miss the compiled ones; None where nothing does."""
    if torch.compiler.is_compiling():
        return None
    if torch._C._get_tracing_state() is not None:
        return "a recording by torch.jit.trace"
    if torch._C._len_torch_dispatch_stack():
        return "a dispatch mode such as FakeTensorMode"
    return None


def _overloaded(tensors: tuple[Tensor | None, ...]) -> str | None:
    """The class of a tensor that overrides torch's operations, such as DTensor; None where there is no such tensor."""
    if torch.compiler.is_compiling():
        return None
    for tensor in tensors:
        if tensor is not None and type(tensor).__torch_dispatch__ is not Tensor.__torch_dispatch__:
            return f"a {type(tensor).__name__}"
    return None


def log_fallback(layer: str, reason: str) -> None:
    """Logs, once for each layer and reason, that torch runs the layer, and why."""
    if not torch.compiler.is_compiling() and (layer, reason) not in _logged:
        _logged.add((layer, reason))
        log.info("nn.%s runs in torch: the compiled kernel does not support %s", layer, reason)


_logged: set[tuple[str, str]] = set()


def _gates(x: Tensor, h: Tensor, weights: Weights) -> Tensor:
    gates: Tensor = functional.linear(x, _input(weights), weights.input_bias)
    return gates + functional.linear(h, weights.hidden, weights.hidden_bias)


def _input(weights: Weights) -> Tensor:
    assert weights.input is not None  # torch.nn's layers all have one
    return weights.input

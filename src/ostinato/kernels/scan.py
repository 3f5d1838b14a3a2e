"""A cell's recurrence over whole sequences, compiled, forward and backward."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ostinato.kernels.door import CODES, buffers, needs_grad, refusal, widened
from ostinato.kernels.fold import fold, rebuild


class Scan:
    """What a cell's `step` folded over time gives, from compiled code.

    A Scan knows its cell by four things: a name, the names of the weights that the recurrence multiplies by, how many
    blocks of the hidden size a pre-activation has, and two functions of `ostinato._core`. Which operations are
    recorded for a gradient depends on who calls: none where no gradient is needed, an autograd Function in eager mode,
    and operators of `torch.ops.ostinato` while torch compiles or exports.
    """

    def __init__(
        self,
        name: str,
        *,
        weights: tuple[str, ...],
        gates: int,
        states: int,
        forward: Callable[..., None],
        backward: Callable[..., None],
    ) -> None:
        self.name = name
        self.weights = weights
        self._gates, self._states = gates, states
        self._forward, self._backward = forward, backward
        _register(self)

    def refuses(
        self, gates: Tensor, state: tuple[Any, ...], lengths: Tensor, weights: tuple[Tensor, ...]
    ) -> str | None:
        """Why this call cannot run here ("a tensor on cuda", "dtype bfloat16"); None if it can."""
        if not all(isinstance(leaf, Tensor) for leaf in state):
            return "a state whose leaves are not tensors"
        if lengths.device.type != "cpu":
            return f"lengths on {lengths.device.type}"
        return refusal(widened(gates, *weights, *state))

    def __call__(
        self, definition: nn.Module, gates: Tensor, state: tuple[Tensor, ...], lengths: Tensor
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Gates [B T G], state leaves [B H], lengths [B] -> outputs [B T H], the state after each row's last step."""
        weights = tuple(definition.get_parameter(name) for name in self.weights)
        reason = self.refuses(gates, state, lengths, weights)
        if reason:
            raise ValueError(
                f"kernels.{self.name}: cannot compute with {reason}; fold the cell's step over time instead."
            )
        gates, *tensors = widened(gates, *weights, *state)
        self._check(gates, tensors, lengths)
        inputs = (gates, lengths, *tensors)
        if torch.compiler.is_compiling():
            outputs, *leaves = getattr(torch.ops.ostinato, f"{self.name}_scan")(*inputs)[: 1 + self._states]
        elif needs_grad((gates, *tensors)):
            outputs, *leaves = _Recurrence.apply(self, definition, state, *inputs)  # type: ignore[no-untyped-call]
        else:
            outputs, *leaves = self._run(False, *inputs)[: 1 + self._states]
        return outputs, rebuild(state, leaves)

    def _check(self, gates: Tensor, tensors: list[Tensor], lengths: Tensor) -> None:
        hidden = tensors[0].shape[-1]
        wanted: dict[str, tuple[Tensor, tuple[int, ...]]] = {"the weight": (tensors[0], (self._gates * hidden, hidden))}
        if gates.dim() != 3:
            raise ValueError(f"kernels.{self.name}: gates {list(gates.shape)} must be [batch, time, features].")
        batch, steps = gates.shape[:2]
        wanted["gates"] = (gates, (batch, steps, self._gates * hidden))
        if len(tensors) - len(self.weights) != self._states:
            raise ValueError(
                f"kernels.{self.name}: the state has {len(tensors) - len(self.weights)} leaves; "
                f"it must have {self._states}."
            )
        for leaf in tensors[len(self.weights) :]:
            wanted[f"state leaf {len(wanted) - 2}"] = (leaf, (batch, hidden))
        wanted["lengths"] = (lengths, (batch,))
        for what, (tensor, shape) in wanted.items():
            if tensor.shape != shape:
                raise ValueError(f"kernels.{self.name}: {what} is {list(tensor.shape)}; it must be {list(shape)}.")
        if lengths.dtype is not torch.int64:
            raise TypeError(f"kernels.{self.name}: lengths are {lengths.dtype}; give them as int64.")

    def _run(self, keep: bool, gates: Tensor, lengths: Tensor, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Outputs, final state leaves and, where `keep` says so, what `_gradients` will ask for."""
        gates, lengths = gates.contiguous(), lengths.contiguous()
        tensors = tuple(tensor.contiguous() for tensor in tensors)
        batch, steps, features = gates.shape
        hidden = features // self._gates
        results = [gates.new_empty(batch, steps, hidden)]
        results += [gates.new_empty(batch, hidden) for _ in range(self._states)]
        kept = []
        if keep:
            kept = [torch.empty_like(gates)]
            kept += [gates.new_empty(batch, steps, hidden) for _ in range(self._states - 1)]
        weights, state = tensors[: len(self.weights)], tensors[len(self.weights) :]
        nothing = [None] * (0 if keep else self._states)
        # fmt: off
        self._forward(CODES[gates.dtype], batch, steps, hidden, torch.get_num_threads(),
                      *buffers(gates, *weights, lengths, *state, *results, *kept, *nothing))
        # fmt: on
        return (*results, *kept)

    def _gradients(
        self,
        grads: tuple[Tensor | None, ...],
        lengths: Tensor,
        tensors: tuple[Tensor, ...],
        results: tuple[Tensor, ...],
        weight_wanted: bool = True,
    ) -> tuple[Tensor | None, ...]:
        """Gradients of the gates and of each of `tensors` (weights, then state leaves).

        `grads` are those of the outputs and the final leaves, None for zeros;
        `results` are the outputs and what was kept.
        """
        grads = tuple(None if grad is None else grad.contiguous() for grad in grads)
        lengths = lengths.contiguous()
        tensors = tuple(tensor.contiguous() for tensor in tensors)
        weights, state = tensors[: len(self.weights)], tensors[len(self.weights) :]
        grad_gates = torch.empty_like(results[1])
        grad_weights = [torch.empty_like(weight) if weight_wanted else None for weight in weights]
        grad_state = [torch.empty_like(leaf) for leaf in state]
        batch, steps, hidden = results[0].shape
        # fmt: off
        self._backward(CODES[grad_gates.dtype], batch, steps, hidden, torch.get_num_threads(),
                       *buffers(*weights, lengths, *state, *results, *grads, grad_gates, *grad_weights, *grad_state))
        # fmt: on
        return (grad_gates, *grad_weights, *grad_state)


class _Recurrence(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, scan: Scan, definition: nn.Module, state: Any, gates: Tensor, lengths: Tensor, *tensors: Tensor
    ) -> tuple[Tensor, ...]:
        results = scan._run(True, gates, lengths, *tensors)
        ctx.scan, ctx.definition, ctx.like = scan, definition, type(state)
        ctx.set_materialize_grads(False)
        kept = results[1 + scan._states :]
        ctx.save_for_backward(gates, lengths, *tensors, results[0], *kept)
        return results[: 1 + scan._states]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        scan = ctx.scan
        gates, lengths, *saved = ctx.saved_tensors
        count = len(scan.weights) + scan._states
        tensors, results = tuple(saved[:count]), tuple(saved[count:])
        if torch.is_grad_enabled():  # somebody will differentiate this gradient
            wanted = (ctx.needs_input_grad[3], *ctx.needs_input_grad[5:])
            found = _through_definition(ctx, grads, gates, lengths, tensors, wanted)
        else:
            weights = ctx.needs_input_grad[5 : 5 + len(scan.weights)]
            found = scan._gradients(grads, lengths, tensors, results, any(weights))
        return (None, None, None, found[0], None, *found[1:])


def _through_definition(
    ctx: Any,
    grads: tuple[Tensor | None, ...],
    gates: Tensor,
    lengths: Tensor,
    tensors: tuple[Tensor, ...],
    wanted: tuple[bool, ...],
) -> tuple[Tensor | None, ...]:
    """The gradient as a differentiable expression: the cell's own step, folded over time."""
    scan, definition = ctx.scan, ctx.definition
    inputs = (gates, *tensors)
    with torch.enable_grad(), torch.autocast("cpu", enabled=False):
        # Views, so that what a caller passed twice still gets its gradients apart.
        inputs = tuple(tensor.view_as(tensor) for tensor in inputs)
        weights = dict(zip(scan.weights, inputs[1:], strict=False))
        leaves = inputs[1 + len(scan.weights) :]
        state = ctx.like(*leaves) if hasattr(ctx.like, "_fields") else tuple(leaves)

        def step(gates_at: Tensor, state_at: Any) -> Any:
            return torch.func.functional_call(definition, weights, (gates_at, state_at))

        outputs, final = fold(step, inputs[0], state, lengths)
        pairs = [
            (result, grad)
            for result, grad in zip((outputs, *final), grads, strict=True)
            if grad is not None and result.requires_grad
        ]
        asked = [tensor for tensor, want in zip(inputs, wanted, strict=True) if want]
        if not pairs or not asked:
            return tuple(None for _ in inputs)
        results, incoming = zip(*pairs, strict=True)
        found = iter(torch.autograd.grad(results, asked, incoming, create_graph=True, allow_unused=True))
    return tuple(next(found) if want else None for want in wanted)


def _register(scan: Scan) -> None:
    """The two operators that torch.compile and torch.export see: ostinato::<name>_scan and its backward."""
    weights, states = len(scan.weights), scan._states
    names = [f"weight{i}" for i in range(weights)] + [f"state{i}" for i in range(states)]
    tensors = ", ".join(f"Tensor {name}" for name in names)
    grads = ", ".join(f"Tensor grad{i}" for i in range(1 + states))
    kept = ", ".join(f"Tensor kept{i}" for i in range(1 + states))

    def several(count: int) -> str:
        return "(" + ", ".join(["Tensor"] * count) + ")"

    def forward(gates: Tensor, lengths: Tensor, *tensors: Tensor) -> tuple[Tensor, ...]:
        return scan._run(True, gates, lengths, *tensors)

    def forward_fake(gates: Tensor, lengths: Tensor, *tensors: Tensor) -> tuple[Tensor, ...]:
        batch, steps, features = gates.shape
        outputs = gates.new_empty(batch, steps, features // scan._gates)
        final = [outputs.new_empty(batch, features // scan._gates) for _ in range(states)]
        kept = [outputs.new_empty(gates.shape), *[torch.empty_like(outputs) for _ in range(states - 1)]]
        return (outputs, *final, *kept)

    def backward(lengths: Tensor, *rest: Tensor) -> tuple[Tensor | None, ...]:
        tensors, rest = rest[: weights + states], rest[weights + states :]
        return scan._gradients(rest[1 + states :], lengths, tensors, rest[: 1 + states])

    def backward_fake(lengths: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        gates = rest[weights + states + 1]
        return (gates.new_empty(gates.shape), *[t.new_empty(t.shape) for t in rest[: weights + states]])

    def set_up(ctx: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, ...]) -> None:
        ctx.save_for_backward(*inputs[1:], output[0], *output[1 + states :])

    def op_backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        operator = getattr(torch.ops.ostinato, f"{scan.name}_scan_backward")
        grad_gates, *others = operator(*ctx.saved_tensors, *grads[: 1 + states])
        return (grad_gates, None, *others)

    operator = torch.library.custom_op(
        f"ostinato::{scan.name}_scan",
        forward,
        mutates_args=(),
        schema=f"(Tensor gates, Tensor lengths, {tensors}) -> {several(1 + states + 1 + states - 1)}",
    )
    operator.register_fake(forward_fake)
    operator.register_autograd(op_backward, setup_context=set_up)
    torch.library.custom_op(
        f"ostinato::{scan.name}_scan_backward",
        backward,
        mutates_args=(),
        schema=f"(Tensor lengths, {tensors}, {kept}, {grads}) -> {several(1 + weights + states)}",
    ).register_fake(backward_fake)

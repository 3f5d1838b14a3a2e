"""A cell's recurrence over whole sequences, compiled, forward and backward."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

import ostinato._core as _core
from ostinato.kernels.checks import CODES, buffer, layout, needs_grad, plain, refusal, widened
from ostinato.kernels.reference import reference_scan
from ostinato.state import rebuild


class Weights(NamedTuple):
    """The parameters of a recurrence: G blocks of H units, D inputs, P outputs (H, or those of `output`)."""

    hidden: Tensor  # [G·H, P]
    input: Tensor | None = None  # [G·H, D]; None: x is already the inputs' part of the gates, D = G·H
    input_bias: Tensor | None = None  # [G·H]
    hidden_bias: Tensor | None = None  # [G·H]
    output: Tensor | None = None  # [P, H]: projects the cell's output (Sak, Senior and Beaufays, 2014)


Leaves = tuple[Tensor, ...]
Definition = Callable[[Tensor, Any, Weights], tuple[Tensor, Any]]


class Scan:
    """A cell's step folded over time in compiled code, the inputs' part of the gates included.

    For gradients it is an autograd Function in eager mode, and an operator of `torch.ops.ostinato` while torch compiles
    or exports; nothing is recorded where no gradient is needed. Second derivatives come from the definition: one step
    (x [B D], state, weights) to (outputs [B P], state), in plain torch.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._cell = _core.cells.index(name)
        self.gates, self.states = _core.sizes(self._cell)
        _register(self)

    def refuses(self, x: Tensor, lengths: Tensor, state: tuple[Any, ...], weights: Weights) -> str | None:
        """Why compiled code cannot run this call ("a tensor on cuda", "dtype bfloat16"); None if it can.

        x [B T D], lengths [B], leaves [B ...]. Raises TypeError where `weights` or `lengths` are of another type.
        """
        if not all(isinstance(leaf, Tensor) for leaf in state):
            return "a state whose leaves are not tensors"
        if not isinstance(weights, tuple) or len(weights) != len(Weights._fields) or weights[0] is None:
            raise TypeError(f"kernels.{self.name}: the weights must be a Weights with at least `hidden` in it.")
        if not isinstance(lengths, Tensor):
            raise TypeError(f"kernels.{self.name}: lengths are a {type(lengths).__name__}; give a torch.Tensor.")
        if not lengths.is_cpu:
            return f"lengths on {lengths.device.type}"
        given = (x, *(weight for weight in weights if weight is not None), *state)
        return refusal(widened(*given))

    def __call__(
        self,
        x: Tensor,
        lengths: Tensor,
        state: tuple[Any, ...],
        weights: Weights,
        definition: Definition,
        *,
        reverse: bool = False,
        time_first: bool = False,
        starts: Tensor | None = None,
    ) -> tuple[Tensor, tuple[Any, ...]]:
        """x [B T D], lengths [B], leaves h [B P] (and c [B H]) to outputs [B T P], zero past a row's length, and the
        state after each row's last step.

        `reverse`: each row runs from its last step to its first. `time_first`: outputs are [T B P] in memory. With
        `starts` [T], the sum of the batch sizes before each step, x is the data [N D] of a PackedSequence, rows are in
        order of falling length and outputs are [N P]. Raises ValueError and TypeError where sizes or types do not fit.
        """
        reason = self.refuses(x, lengths, state, weights)
        if reason:
            raise ValueError(
                f"kernels.{self.name}: cannot compute with {reason}; fold the cell's step over time instead."
            )
        return self.run(x, lengths, state, weights, definition, reverse, time_first, starts)

    def run(
        self,
        x: Tensor,
        lengths: Tensor,
        state: tuple[Any, ...],
        weights: Weights,
        definition: Definition,
        reverse: bool = False,
        time_first: bool = False,
        starts: Tensor | None = None,
    ) -> tuple[Tensor, tuple[Any, ...]]:
        """As `__call__`, x [B T D] to outputs [B T P], for a caller that has asked `refuses` already."""
        leaves = tuple(state)
        if torch.is_autocast_enabled("cpu"):
            (x,) = widened(x)
            weights, leaves = _apart([None if t is None else widened(t)[0] for t in (*weights, *leaves)])
        self._check(x, lengths, leaves, weights, starts)
        if torch.compiler.is_compiling():
            operator = getattr(torch.ops.ostinato, f"{self.name}_scan")
            results = operator(x, lengths, starts, *weights, *leaves, reverse, time_first)
        elif needs_grad((x, *weights, *leaves)):
            results = _Recurrence.apply(  # type: ignore[no-untyped-call]
                self, definition, state, reverse, time_first, lengths, starts, x, *weights, *leaves
            )
        else:
            results = self._run(False, x, lengths, starts, weights, leaves, reverse, time_first)
        return results[0], rebuild(state, list(results[1 : 1 + self.states]))

    def _check(self, x: Tensor, lengths: Tensor, leaves: Leaves, weights: Weights, starts: Tensor | None) -> None:
        for what, counts in (("lengths", lengths), ("starts", starts)):
            if counts is not None and not isinstance(counts, Tensor):
                raise TypeError(f"kernels.{self.name}: {what} are a {type(counts).__name__}; give a torch.Tensor.")
            if counts is not None and (counts.dim() != 1 or not counts.is_cpu or counts.layout is not torch.strided):
                raise ValueError(f"kernels.{self.name}: {what} must be a plain tensor of one axis on the CPU.")
        if x.dim() != (3 if starts is None else 2):
            axes = "[batch, time, features]" if starts is None else "[all steps, features]"
            raise ValueError(f"kernels.{self.name}: x {list(x.shape)} must be {axes}.")
        if len(leaves) != self.states:
            raise ValueError(f"kernels.{self.name}: the state has {len(leaves)} leaves; it must have {self.states}.")
        hidden_weight, input_weight, input_bias, hidden_bias, output_weight = weights
        shape = hidden_weight.shape
        rows, outputs = shape if len(shape) == 2 else (0, 0)
        hidden = rows // self.gates if output_weight is not None else outputs
        inputs = x.shape[-1] if input_weight is not None else self.gates * hidden
        batch = lengths.shape[0] if starts is not None and lengths.dim() == 1 else x.shape[0]
        fits = (
            ("the weight", hidden_weight, (self.gates * hidden, outputs)),
            ("x", x, (*x.shape[:-1], inputs)),
            ("lengths", lengths, (batch,)),
            ("the input weight", input_weight, (rows, inputs)),
            ("the input bias", input_bias, (rows,)),
            ("the hidden bias", hidden_bias, (rows,)),
            ("the output weight", output_weight, (outputs, hidden)),
            ("state leaf 0", leaves[0], (batch, outputs)),
            ("state leaf 1", leaves[-1], (batch, hidden if self.states > 1 else outputs)),
        )
        for what, tensor, size in fits:
            if tensor is not None and tensor.shape != size:
                raise ValueError(f"kernels.{self.name}: {what} is {list(tensor.shape)}; it must be {list(size)}.")
        if lengths.dtype is not torch.int64 or (starts is not None and starts.dtype is not torch.int64):
            raise TypeError(f"kernels.{self.name}: lengths are {lengths.dtype}; give them, and starts, as int64.")

    def _sizes(self, x: Tensor, lengths: Tensor, starts: Tensor | None, weights: Weights) -> tuple[int, ...]:
        """Batch, steps, inputs, hidden, outputs."""
        steps = x.shape[1] if starts is None else starts.shape[0]
        rows, outputs = weights.hidden.shape
        return lengths.shape[0], steps, x.shape[-1], rows // self.gates, outputs

    def _empty(
        self, x: Tensor, lengths: Tensor, starts: Tensor | None, weights: Weights, time_first: bool, save: bool = True
    ) -> list[Tensor]:
        """Uninitialized tensors of the right sizes and layouts: outputs, final leaves and, with `save`, the record for
        `_gradients`."""
        batch, steps, _, hidden, outputs = self._sizes(x, lengths, starts, weights)
        if starts is not None:
            out = x.new_empty(x.shape[0], outputs)
        elif time_first:
            out = x.new_empty(steps, batch, outputs).transpose(0, 1)
        else:
            out = x.new_empty(batch, steps, outputs)
        leaves = [x.new_empty(batch, hidden if i else outputs) for i in range(self.states)]
        if not save:
            return [out, *leaves]
        slots = 1 if batch == 1 else (batch + 1) // 2 * 2
        return [out, *leaves, x.new_empty(steps, slots, _core.kept_numbers(self._cell, CODES[x.dtype], 1, 1, hidden))]

    def _run(
        self,
        save: bool,
        x: Tensor,
        lengths: Tensor,
        starts: Tensor | None,
        weights: Weights,
        leaves: Leaves,
        reverse: bool,
        time_first: bool,
    ) -> list[Tensor]:
        """Outputs, final leaves and, with `save`, the record that `_gradients` reads."""
        x, lengths, starts, weights, leaves = _laid(x, lengths, starts, weights, leaves)
        sizes = self._sizes(x, lengths, starts, weights)
        results = self._empty(x, lengths, starts, weights, time_first, save)
        out, final, saved = results[0], results[1 : 1 + self.states], results[-1] if save else None
        _core.scan_forward(
            self._cell, CODES[x.dtype], *sizes, torch.get_num_threads(), reverse, buffer(lengths), layout(x, starts),
            [buffer(w) for w in weights], [buffer(leaf) for leaf in leaves], layout(out, starts),
            [buffer(leaf) for leaf in final], *buffer(saved),
        )  # fmt: skip
        return results

    def _gradients(
        self,
        grads: tuple[Tensor | None, ...],
        x: Tensor,
        lengths: Tensor,
        starts: Tensor | None,
        weights: Weights,
        leaves: Leaves,
        out: Tensor,
        saved: Tensor,
        reverse: bool,
        needed: list[bool],
    ) -> list[Tensor | None]:
        """Gradients of x, of each weight and of each leaf, where `needed` is true; `grads` are those of the outputs and
        the final leaves, None for zeros."""
        grad_out, *grad_final = (
            None if g is None else g if i == 0 and _lies(g) else plain(g) for i, g in enumerate(grads)
        )
        x, lengths, starts, weights, leaves = _laid(x, lengths, starts, weights, leaves)
        sizes = self._sizes(x, lengths, starts, weights)
        grad_x = torch.empty_like(x) if needed[0] else None
        grad_weights = [
            torch.empty_like(weight) if need and weight is not None else None
            for weight, need in zip(weights, needed[1:], strict=False)
        ]
        grad_leaves = [torch.empty_like(leaf) for leaf in leaves]
        _core.scan_backward(
            self._cell, CODES[x.dtype], *sizes, torch.get_num_threads(), reverse, buffer(lengths), layout(x, starts),
            [buffer(w) for w in weights], [buffer(leaf) for leaf in leaves], layout(out, starts), *buffer(saved),
            layout(grad_out, starts), [buffer(g) for g in grad_final], layout(grad_x, starts),
            [buffer(g) for g in grad_weights], [buffer(g) for g in grad_leaves],
        )  # fmt: skip
        return [grad_x, *grad_weights, *grad_leaves]


def _lies(tensor: Tensor) -> bool:
    """Whether the compiled functions read the tensor in place: features adjacent, no stride negative or overlapping."""
    *outer, last = tensor.stride()
    return last == 1 and min(outer) >= tensor.shape[-1] and not tensor.is_neg()


def _laid(
    x: Tensor, lengths: Tensor, starts: Tensor | None, weights: Weights, leaves: Leaves
) -> tuple[Tensor, Tensor, Tensor | None, Weights, Leaves]:
    return (
        x if _lies(x) else plain(x),
        plain(lengths),
        None if starts is None else plain(starts),
        Weights._make([None if weight is None else plain(weight) for weight in weights]),
        tuple([plain(leaf) for leaf in leaves]),
    )


class _Recurrence(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        scan: Scan,
        definition: Definition,
        like: Any,
        reverse: bool,
        time_first: bool,
        lengths: Tensor,
        starts: Tensor | None,
        x: Tensor,
        *tensors: Tensor | None,
    ) -> tuple[Tensor, ...]:
        weights, leaves = _apart(tensors)
        results = scan._run(True, x, lengths, starts, weights, leaves, reverse, time_first)
        ctx.scan, ctx.definition, ctx.like, ctx.reverse = scan, definition, like, reverse
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(lengths, starts, x, *tensors, results[0], results[-1])
        return tuple(results[:-1])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        lengths, starts, x, *tensors, out, saved = ctx.saved_tensors
        weights, leaves = _apart(tensors)
        needed = list(ctx.needs_input_grad[7:])
        if torch.is_grad_enabled():  # this gradient may be differentiated in turn
            run = reference_scan(ctx.definition, ctx.like, lengths, starts, ctx.reverse)
            results = _through_definition(run, grads, (x, *weights, *leaves), needed)
        else:
            results = ctx.scan._gradients(grads, x, lengths, starts, weights, leaves, out, saved, ctx.reverse, needed)
        return (*[None] * 7, *(g if need else None for g, need in zip(results, needed, strict=True)))


def _apart(tensors: Any) -> tuple[Weights, Leaves]:
    count = len(Weights._fields)
    return Weights(*tensors[:count]), tuple(tensors[count:])


def _through_definition(
    run: Callable[..., tuple[Tensor, ...]],
    grads: tuple[Tensor | None, ...],
    inputs: tuple[Tensor | None, ...],
    needed: list[bool],
) -> list[Tensor | None]:
    """The gradient as a differentiable expression: the cell's own step, folded over time."""
    with torch.enable_grad(), torch.autocast("cpu", enabled=False):
        # Views, so that a tensor that was passed twice gets two gradients.
        inputs = tuple(None if tensor is None else tensor.view_as(tensor) for tensor in inputs)
        x, *tensors = inputs
        weights, leaves = _apart(tensors)
        results = run(x, weights, leaves)
        pairs = [(r, g) for r, g in zip(results, grads, strict=True) if g is not None and r.requires_grad]
        asked = [tensor for tensor, need in zip(inputs, needed, strict=True) if need and tensor is not None]
        if not pairs or not asked:
            return [None for _ in inputs]
        outcomes, incoming = zip(*pairs, strict=True)
        computed = iter(torch.autograd.grad(outcomes, asked, incoming, create_graph=True, allow_unused=True))
    return [next(computed) if need and t is not None else None for t, need in zip(inputs, needed, strict=True)]


def _register(scan: Scan) -> None:
    """The two operators that torch.compile and torch.export see: ostinato::<name>_scan and its backward."""
    states = scan.states
    weights = "Tensor hidden, Tensor? input, Tensor? input_bias, Tensor? hidden_bias, Tensor? output"
    inputs = "Tensor x, Tensor lengths, Tensor? starts, " + ", ".join(
        [weights, *(f"Tensor state{i}" for i in range(states))]
    )
    grads = ", ".join(f"Tensor grad{i}" for i in range(1 + states))
    count = len(Weights._fields) + states

    def several(number: int) -> str:
        return "(" + ", ".join(["Tensor"] * number) + ")"

    def forward(x: Tensor, lengths: Tensor, starts: Tensor | None, *rest: Any) -> tuple[Tensor, ...]:
        weights, leaves = _apart(rest[:count])
        return tuple(scan._run(True, x, lengths, starts, weights, leaves, *rest[count:]))

    def forward_fake(x: Tensor, lengths: Tensor, starts: Tensor | None, *rest: Any) -> tuple[Tensor, ...]:
        return tuple(scan._empty(x, lengths, starts, _apart(rest[:count])[0], rest[-1]))

    def backward(x: Tensor, lengths: Tensor, starts: Tensor | None, *rest: Any) -> tuple[Tensor, ...]:
        weights, leaves = _apart(rest[:count])
        out, saved, *others = rest[count:]
        needed = [True] * (1 + count)
        gradients = scan._gradients(
            tuple(others[: 1 + states]), x, lengths, starts, weights, leaves, out, saved, others[-1], needed
        )
        return tuple(x.new_empty(0) if grad is None else grad for grad in gradients)

    def backward_fake(x: Tensor, lengths: Tensor, starts: Tensor | None, *rest: Any) -> tuple[Tensor, ...]:
        return tuple(x.new_empty(0) if t is None else torch.empty_like(t) for t in (x, *rest[:count]))

    def set_up(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        ctx.given = [tensor is not None for tensor in inputs[3 : 3 + count]]
        ctx.reverse = inputs[-2]
        ctx.save_for_backward(*inputs[: 3 + count], output[0], output[-1])

    def op_backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        operator = getattr(torch.ops.ostinato, f"{scan.name}_scan_backward")
        grad_x, *others = operator(*ctx.saved_tensors, *grads[: 1 + states], ctx.reverse)
        gradients = (grad if given else None for grad, given in zip(others, ctx.given, strict=True))
        return (grad_x, None, None, *gradients, None, None)

    operator = torch.library.custom_op(
        f"ostinato::{scan.name}_scan",
        forward,
        mutates_args=(),
        schema=f"({inputs}, bool reverse, bool time_first) -> {several(2 + states)}",
    )
    operator.register_fake(forward_fake)
    operator.register_autograd(op_backward, setup_context=set_up)
    torch.library.custom_op(
        f"ostinato::{scan.name}_scan_backward",
        backward,
        mutates_args=(),
        schema=f"({inputs}, Tensor out, Tensor kept, {grads}, bool reverse) -> {several(1 + count)}",
    ).register_fake(backward_fake)


lstm = Scan("lstm")  # Hochreiter and Schmidhuber, 1997: gates i, f, g, o; leaves h and c
gru = Scan("gru")  # Cho et al., 2014, reset gate after the product: gates r, z, n; leaf h
gru_before = Scan("gru_before")  # the same as the paper has it
rnn_tanh = Scan("rnn_tanh")  # Elman, 1990
rnn_relu = Scan("rnn_relu")

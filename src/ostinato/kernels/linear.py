"""x W^T + b, a row of which has the same bits whatever the other rows and the number of threads are."""

import logging
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

import ostinato._core as _core
from ostinato.kernels.checks import CODES, buffers, needs_grad, plain, refusal, widened

log = logging.getLogger(__name__)


def affine(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x Wᵀ + b: x [... D], weight [O D], bias [O] to [... O].

    Runs `linear`, or torch's own product where the kernels do not support the tensors (logged once for each reason).
    """
    reason = refusal(widened(x, weight) if bias is None else widened(x, weight, bias))
    if reason is None:
        return linear(x, weight, bias)
    if not torch.compiler.is_compiling() and reason not in _logged:
        _logged.add(reason)
        log.info("linear maps run in torch: the compiled product does not support %s", reason)
    return functional.linear(x, weight, bias)


_logged: set[str] = set()


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x [... D], weight [O D], bias [O] to [... O], as torch.nn.functional.linear.

    Raises ValueError where sizes do not fit, or where the kernels do not support the tensors (`checks.refusal`).
    """
    given = widened(x, weight) if bias is None else widened(x, weight, bias)
    x, weight = given[:2]
    bias = None if bias is None else given[2]
    reason = refusal(given)
    if reason:
        raise ValueError(f"kernels.linear: cannot compute with {reason}; use torch.nn.functional.linear.")
    if weight.dim() != 2 or x.dim() < 1 or x.shape[-1] != weight.shape[1]:
        raise ValueError(
            f"kernels.linear: x {list(x.shape)} does not fit weight {list(weight.shape)}; "
            "x's last size must be the weight's second."
        )
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(
            f"kernels.linear: bias {list(bias.shape)} does not fit weight {list(weight.shape)}; "
            "it must have one element for each of the weight's rows."
        )
    if torch.compiler.is_compiling():
        out: Tensor = torch.ops.ostinato.linear(x, weight, bias)
        return out
    if needs_grad(given):
        recorded: Tensor = _Linear.apply(x, weight, bias)  # type: ignore[no-untyped-call]
        return recorded
    return _forward(x, weight, bias)


def _forward(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    x, weight = plain(x), plain(weight)
    bias = None if bias is None else plain(bias)
    outputs, inputs = weight.shape
    out = x.new_empty(*x.shape[:-1], outputs)
    rows = x.shape[:-1].numel()
    # fmt: off
    _core.linear_forward(CODES[x.dtype], rows, inputs, outputs, torch.get_num_threads(),
                         *buffers(x, weight, bias, out))
    # fmt: on
    return out


def _backward(grad: Tensor, x: Tensor, weight: Tensor, needed: list[bool]) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of x, weight and bias; an empty tensor for each that is not needed."""
    grad, x, weight = plain(grad), plain(x), plain(weight)
    outputs, inputs = weight.shape
    grad_x = x.new_empty(x.shape if needed[0] else 0)
    grad_weight = x.new_empty(weight.shape if needed[1] else 0)
    grad_bias = x.new_empty(outputs if needed[2] else 0)
    grads = (grad_x, grad_weight, grad_bias)
    # fmt: off
    _core.linear_backward(CODES[x.dtype], x.shape[:-1].numel(), inputs, outputs, torch.get_num_threads(),
                          *buffers(x, weight, grad,
                                   *[g if need else None for g, need in zip(grads, needed, strict=True)]))
    # fmt: on
    return grads


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _forward(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        needed = list(ctx.needs_input_grad)
        if torch.is_grad_enabled():  # this gradient may be differentiated in turn
            with torch.autocast("cpu", enabled=False):
                return _differentiable(grad, x, weight, needed)
        grads = _backward(grad, x, weight, needed)
        return tuple(g if need else None for g, need in zip(grads, needed, strict=True))


def _differentiable(grad: Tensor, x: Tensor, weight: Tensor, needed: list[bool]) -> tuple[Tensor | None, ...]:
    rows = grad.reshape(-1, grad.shape[-1])
    return (
        grad @ weight if needed[0] else None,
        rows.T @ x.reshape(-1, x.shape[-1]) if needed[1] else None,
        rows.sum(0) if needed[2] else None,
    )


@torch.library.custom_op("ostinato::linear", mutates_args=())
def _linear_op(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return _forward(x, weight, bias)


@_linear_op.register_fake
def _(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return x.new_empty(*x.shape[:-1], weight.shape[0])


@torch.library.custom_op("ostinato::linear_backward", mutates_args=())
def _linear_backward_op(grad: Tensor, x: Tensor, weight: Tensor, needed: list[bool]) -> tuple[Tensor, Tensor, Tensor]:
    return _backward(grad, x, weight, needed)


@_linear_backward_op.register_fake
def _(grad: Tensor, x: Tensor, weight: Tensor, needed: list[bool]) -> tuple[Tensor, Tensor, Tensor]:
    return (
        x.new_empty(x.shape if needed[0] else 0),
        x.new_empty(weight.shape if needed[1] else 0),
        x.new_empty(weight.shape[0] if needed[2] else 0),
    )


def _set_up(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs[:2])


def _op_backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    x, weight = ctx.saved_tensors
    needed = list(ctx.needs_input_grad)
    grads = torch.ops.ostinato.linear_backward(grad, x, weight, needed)
    return tuple(g if need else None for g, need in zip(grads, needed, strict=True))


_linear_op.register_autograd(_op_backward, setup_context=_set_up)

"""Full: a logit for each token, by a linear map."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import cross_entropy, linear

from ostinato.kernels import affine
from ostinato.layers.outputs.base import Output, register
from ostinato.registry import Share


@register("full", renamed={"smoothing": "label_smoothing"})
class Full(Output):
    """x Wᵀ + b: [... inputs] to [... size]. `label_smoothing`, from 0 to 1, is the share of each target's probability
    that is spread evenly over all tokens while training (Szegedy et al., 2016, section 7).

    Options:
        label_smoothing: share of each target's probability that is spread over all tokens while training.
    """

    def __init__(self, label_smoothing: Share = 0.0, *, inputs: int, size: int):
        super().__init__(inputs, size)
        self.label_smoothing = label_smoothing
        self.weight, self.bias = nn.Parameter(torch.empty(size, inputs)), nn.Parameter(torch.empty(size))
        for parameter in (self.weight, self.bias):  # as torch.nn.Linear starts
            nn.init.uniform_(parameter, -1 / math.sqrt(inputs), 1 / math.sqrt(inputs))

    def logits(self, x: Tensor) -> Tensor:
        """x [... inputs] to logits [... size]."""
        return affine(x, self.weight, self.bias)

    def loss(self, x: Tensor, targets: Tensor) -> Tensor:
        """Cross-entropy of x [N inputs] and targets [N], summed, in nats: smoothed while training. The logits of a
        large vocabulary are computed for a part of the rows at a time."""
        return linear_cross_entropy(x, self.weight, self.bias, targets, self.label_smoothing if self.training else 0.0)


AT_ONCE = 1 << 22
"""Scores that are held at once: 16 MiB."""


def linear_cross_entropy(
    x: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor, smoothing: float = 0.0
) -> Tensor:
    """x [N D], weight [V D], bias [V], targets [N] -> Σ cross_entropy(x W^T + b, targets), a number.

    The same as those two functions of torch. Where the scores of all rows are many, some rows are done at a time, their
    gradient with them, so memory does not grow with N. `smoothing` mixes the targets with a uniform distribution
    (Szegedy et al., 2016).
    """
    if len(x) * len(weight) <= AT_ONCE or torch.compiler.is_compiling():
        return cross_entropy(affine(x, weight, bias), targets, reduction="sum", label_smoothing=smoothing)
    total: Tensor = _Fused.apply(x, weight, bias, targets, smoothing)  # type: ignore[no-untyped-call]
    return total


class _Fused(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor, smoothing: float) -> Tensor:
        needed = ctx.needs_input_grad
        grad_x = torch.empty_like(x) if needed[0] else None
        grad_weight = torch.zeros_like(weight) if needed[1] else None
        grad_bias = torch.zeros_like(bias) if bias is not None and needed[2] else None
        total = x.new_zeros(())
        rows = max(1, AT_ONCE // len(weight))
        for first in range(0, len(x), rows):
            part, labels = x[first : first + rows], targets[first : first + rows].unsqueeze(1)
            scores = linear(part, weight, bias)
            scores -= scores.amax(1, keepdim=True)  # in place, here and below: nothing of this size is held twice
            costs = -scores.gather(1, labels)
            if smoothing:
                costs = (1 - smoothing) * costs - smoothing * scores.mean(1, keepdim=True)
            grad = scores.exp_()
            sums = grad.sum(1, keepdim=True)
            total += (costs + sums.log()).sum()
            if not any(needed[:3]):
                continue
            grad /= sums
            if smoothing:
                grad -= smoothing / len(weight)
            grad.scatter_add_(1, labels, grad.new_full((), smoothing - 1).expand_as(labels))
            if grad_x is not None:
                torch.mm(grad, weight, out=grad_x[first : first + rows])
            if grad_weight is not None:
                grad_weight.addmm_(grad.T, part)
            if grad_bias is not None:
                grad_bias += grad.sum(0)
        ctx.grads = (grad_x, grad_weight, grad_bias)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        grads, ctx.grads = ctx.grads, None
        if grads is None:
            raise RuntimeError("linear_cross_entropy: its gradient was taken already; compute the loss again")
        return (*(None if each is None else each.mul_(grad) for each in grads), None, None)

"""Gradient clipping: by value (Graves, 2013), then by norm (Pascanu et al., 2013)."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import nn


class Clipped(NamedTuple):
    """The gradient's norm before anything was done to it, and whether anything was."""

    norm: float
    clipped: bool


def clip(parameters: Sequence[nn.Parameter], count: int, limits: Mapping[str, float]) -> Clipped:
    """Divide summed gradients by `count`, then bound them, in place.

    Dividing here, once, makes several small batches the same as one large one, whatever each of them counted. A
    gradient that is not finite is left alone: the caller will not use it.
    """
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    for gradient in gradients:
        gradient.div_(max(count, 1))
    norm = float(torch.nn.utils.get_total_norm(gradients))
    if not math.isfinite(norm):
        return Clipped(norm, False)
    left, clipped = norm, False
    if "value" in limits and float(torch.nn.utils.get_total_norm(gradients, math.inf)) > limits["value"]:
        torch.nn.utils.clip_grad_value_(parameters, limits["value"])
        left, clipped = float(torch.nn.utils.get_total_norm(gradients)), True
    if "norm" in limits and left > limits["norm"]:
        torch.nn.utils.clip_grads_with_norm_(parameters, limits["norm"], torch.tensor(left))
        clipped = True
    return Clipped(norm, clipped)

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
    norm = left = float(torch.nn.utils.get_total_norm(gradients)) / max(count, 1)
    if not math.isfinite(norm):
        return Clipped(norm, False)
    scale, clipped = 1 / max(count, 1), False
    if "value" in limits and float(torch.nn.utils.get_total_norm(gradients, math.inf)) * scale > limits["value"]:
        for gradient in gradients:
            gradient.mul_(scale).clamp_(-limits["value"], limits["value"])
        scale, left, clipped = 1.0, float(torch.nn.utils.get_total_norm(gradients)), True
    if "norm" in limits and left > limits["norm"]:
        scale, clipped = scale * limits["norm"] / left, True
    if scale != 1:
        for gradient in gradients:  # one pass: dividing and bounding the norm are one factor
            gradient.mul_(scale)
    return Clipped(norm, clipped)

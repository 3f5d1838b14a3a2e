"""Full: a logit for each token, by a linear map."""

import math

import torch
from torch import Tensor, nn

from ostinato.kernels import affine
from ostinato.layers.outputs.base import Output, register
from ostinato.layers.outputs.linear_cross_entropy import linear_cross_entropy
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

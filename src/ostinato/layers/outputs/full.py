"""A score for every token."""

import math

import torch
from torch import Tensor, nn

from ostinato.cells.affine import affine
from ostinato.layers.outputs.base import Output, register
from ostinato.layers.outputs.linear_cross_entropy import linear_cross_entropy
from ostinato.registry import Share


@register("full", renamed={"smoothing": "label_smoothing"})
class Full(Output):
    """x Wᵀ + b. `label_smoothing` is the share of each target that is spread over all tokens (Szegedy et al., 2016).

    Options:
        label_smoothing: share of each target's probability that is spread over all tokens while training.
    """

    def __init__(self, label_smoothing: Share = 0.0, *, inputs: int, size: int):
        super().__init__(inputs, size)
        self.label_smoothing = label_smoothing
        self.weight, self.bias = nn.Parameter(torch.empty(size, inputs)), nn.Parameter(torch.empty(size))
        for each in (self.weight, self.bias):  # as torch.nn.Linear starts
            nn.init.uniform_(each, -1 / math.sqrt(inputs), 1 / math.sqrt(inputs))

    def logits(self, x: Tensor) -> Tensor:
        """[... inputs] to [... size]."""
        return affine(x, self.weight, self.bias)

    def loss(self, x: Tensor, targets: Tensor) -> Tensor:
        """Cross-entropy, smoothed while training; the scores of large vocabularies are never all held."""
        return linear_cross_entropy(x, self.weight, self.bias, targets, self.label_smoothing if self.training else 0.0)

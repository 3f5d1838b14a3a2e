"""Embedding: a vector for each token, and the same vectors as an output layer."""

import torch
from torch import Tensor, nn

from ostinato.kernels import affine
from ostinato.layers.base import Memoryless, register, started
from ostinato.padded import Padded
from ostinato.registry import Hidden
from ostinato.state import State


@register("embedding", example={"outputs": 3})
class Embedding(Memoryless):
    """Token ids [B T] (0 to inputs − 1) to vectors [B T outputs].

    `weight` [inputs outputs] starts normal with variance 1 / outputs, so that as a tied output layer (`logits`; Press
    and Wolf, 2017) it gives logits of order one.

    Options:
        outputs: numbers in each vector.
    """

    takes_tokens = True

    def __init__(self, outputs: Hidden, *, inputs: int):
        super().__init__(inputs, outputs)
        self.weight = nn.Parameter(torch.empty(inputs, outputs))
        nn.init.normal_(self.weight, std=outputs**-0.5)

    def forward(self, x: Padded, state: State | None = None) -> tuple[Padded, State]:
        """Ids [B T] to vectors [B T outputs]. Raises StreamError where a state is given that is not ()."""
        started(self, x, state)
        return x.zeroed().map(lambda ids: nn.functional.embedding(ids, self.weight)), ()

    def logits(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """x Wᵀ + bias: vectors [... outputs] and bias [inputs] to [... inputs]."""
        return affine(x, self.weight, bias)

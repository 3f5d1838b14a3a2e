"""Embedding: a vector a token, and the same vectors as an output layer."""

import torch
from torch import Tensor, nn

from ostinato.cells.affine import affine
from ostinato.layers.base import Memoryless, register, started
from ostinato.padded import Padded
from ostinato.registry import Hidden
from ostinato.state import State


@register("embedding", example={"outputs": 3})
class Embedding(Memoryless):
    """Token ids [B T] below `inputs` to vectors [B T outputs]. Vectors start normal with variance 1 / `outputs`, so
    that as a tied output layer (`scores`; Press and Wolf, 2017) they give logits of order one.

    Options:
        outputs: numbers in each vector.
    """

    takes_tokens = True

    def __init__(self, outputs: Hidden, *, inputs: int):
        super().__init__(inputs, outputs)
        self.weight = nn.Parameter(torch.empty(inputs, outputs))
        nn.init.normal_(self.weight, std=outputs**-0.5)

    def forward(self, x: Padded, state: State | None = None) -> tuple[Padded, State]:
        """Ids [B T] to vectors [B T outputs]."""
        started(self, x, state)
        return x.zeroed().map(lambda ids: nn.functional.embedding(ids, self.weight)), ()

    def logits(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """Vectors [... outputs] to a logit for each token [... inputs]; `bias` [inputs]."""
        return affine(x, self.weight, bias)

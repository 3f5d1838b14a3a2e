"""Dropout with one mask a sequence (Gal and Ghahramani, 2016; "locked" in Merity, Keskar and Socher, 2017)."""

import torch

from ostinato.layers.base import Memoryless, register, started
from ostinato.padded import Padded
from ostinato.registry import Share
from ostinato.state import State


@register("dropout", example={"p": 0.3}, renamed={"share": "p"})
class Dropout(Memoryless):
    """[B T D] to [B T D]: in training each feature of a row is zeroed with probability `p`, the same at all steps of a
    call, and the others are divided by 1 − p; in evaluation nothing changes. Each call draws a new mask.

    Options:
        p: probability that a feature is zeroed while training.
    """

    def __init__(self, p: Share, *, inputs: int):
        super().__init__(inputs, inputs)
        self.p = p

    def forward(self, x: Padded, state: State | None = None) -> tuple[Padded, State]:
        """[B T D] to [B T D]. Raises StreamError where a state is given that is not ()."""
        started(self, x, state)
        if not self.training or self.p == 0.0:
            return x, ()
        keep = 1.0 - self.p
        mask = torch.empty(x.batch, 1, self.inputs, dtype=x.data.dtype, device=x.data.device).bernoulli_(keep) / keep
        return x.map(lambda data: data * mask), ()

"""Averaged weights (Polyak and Juditsky, 1992), exponentially."""

import contextlib
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn


class EMA:
    """a' = d · a + (1 − d) · w after each step, where d = min(decay, (1 + n) / (10 + n)) at the n-th: what the model
    began with is forgotten in short runs too."""

    def __init__(self, model: nn.Module, decay: float):
        self.decay = decay
        self._weights = dict(model.named_parameters())
        self.tensors: dict[str, Tensor] = {name: weight.detach().clone() for name, weight in self._weights.items()}

    @torch.no_grad()
    def update(self, n: int) -> None:
        """After the n-th update of the weights, from 1."""
        decay = min(self.decay, (1 + n) / (10 + n))
        for name, weight in self._weights.items():
            self.tensors[name].lerp_(weight, 1 - decay)

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Continues from these averages [...], by the name of the parameter."""
        for name, tensor in self.tensors.items():
            tensor.copy_(tensors[name])

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """Inside the block the model has the averaged weights."""
        raw = {name: weight.detach().clone() for name, weight in self._weights.items()}
        self._set(self.tensors)
        try:
            yield
        finally:
            self._set(raw)

    @torch.no_grad()
    def _set(self, tensors: Mapping[str, Tensor]) -> None:
        for name, weight in self._weights.items():
            weight.copy_(tensors[name])

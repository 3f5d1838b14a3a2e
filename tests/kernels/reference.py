"""What the kernels are held against: a cell defined by its step, the same in float64, and torch.nn.LSTM."""

import torch
from torch import Tensor, nn


class Cell(nn.Module):
    """The LSTM's step in plain torch."""

    def __init__(self, hidden: int, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.recurrent = nn.Linear(hidden, 4 * hidden, bias=False, dtype=dtype)

    def forward(self, gates: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        h, c = state
        i, f, g, o = (gates + self.recurrent(h)).chunk(4, -1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        return h, (h, c)


class Case:
    """One random layer and batch: inputs, weights, state, lengths, and the gradients that come in."""

    names = ("x", "weight_ih", "weight_hh", "bias", "h0", "c0")

    def __init__(self, batch: int, steps: int, hidden: int, inputs: int, ragged: bool = True, seed: int = 0) -> None:
        generator = torch.Generator().manual_seed(seed)

        def draw(*shape: int, scale: float = 1.0) -> Tensor:
            return torch.randn(shape, generator=generator) * scale

        bound = hidden**-0.5
        self.lengths = (
            torch.randint(0, steps + 1, (batch,), generator=generator) if ragged else torch.full((batch,), steps)
        )
        self.values = (
            draw(batch, steps, inputs),
            draw(4 * hidden, inputs, scale=bound),
            draw(4 * hidden, hidden, scale=bound),
            draw(4 * hidden, scale=bound),
            draw(batch, hidden),
            draw(batch, hidden),
        )
        self.incoming = (draw(batch, steps, hidden), draw(batch, hidden), draw(batch, hidden))

    def run(self, layer, dtype: torch.dtype = torch.float32) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Results (outputs, h, c) of `layer`, and the gradients of everything in `names`."""
        leaves = tuple(value.to(dtype).requires_grad_() for value in self.values)
        results = layer(*leaves, self.lengths)
        # The plain fold's outputs over no steps depend on nothing.
        pairs = [(r, g.to(dtype)) for r, g in zip(results, self.incoming, strict=True) if r.requires_grad]
        grads = torch.autograd.grad([r for r, _ in pairs], leaves, [g for _, g in pairs], allow_unused=True)
        grads = tuple(torch.zeros_like(leaf) if g is None else g for leaf, g in zip(leaves, grads, strict=True))
        return tuple(result.detach() for result in results), grads


def ours(x, weight_ih, weight_hh, bias, h0, c0, lengths):
    from ostinato import kernels

    cell = Holder(weight_hh)
    outputs, (h, c) = kernels.lstm(cell, kernels.linear(x, weight_ih, bias), (h0, c0), lengths)
    return outputs, h, c


class Holder(nn.Module):
    """A cell around a weight that is somebody's leaf already."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = weight

    def get_parameter(self, target: str) -> Tensor:
        assert target == "recurrent.weight"
        return self.weight


def definition(x, weight_ih, weight_hh, bias, h0, c0, lengths):
    """The plain fold."""
    from ostinato.kernels.fold import fold

    def step(gates, state):
        i, f, g, o = (gates + state[0] @ weight_hh.T).chunk(4, -1)
        c = f.sigmoid() * state[1] + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        return h, (h, c)

    outputs, (h, c) = fold(step, torch.nn.functional.linear(x, weight_ih, bias), (h0, c0), lengths)
    return outputs, h, c


def torch_lstm(x, weight_ih, weight_hh, bias, h0, c0, lengths):
    """torch's own, for batches whose rows all have every step."""
    assert (lengths == x.shape[1]).all()
    outputs, h, c = torch.lstm(
        x, (h0[None], c0[None]), (weight_ih, weight_hh, bias, torch.zeros_like(bias)), True, 1, 0.0, True, False, True
    )
    return outputs, h[0], c[0]


def error(found: Tensor, wanted: Tensor) -> float:
    """Largest difference relative to the largest wanted value."""
    if wanted.numel() == 0:
        return 0.0
    return float((found.double() - wanted.double()).abs().max() / wanted.double().abs().max().clamp_min(1e-12))

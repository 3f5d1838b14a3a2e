"""A window: the last few inputs and nothing before them (Bengio et al., 2003)."""

import torch
from torch import Tensor, nn

from ostinato.cells.affine import affine
from ostinato.layers.base import nothing, register, started
from ostinato.padded import Padded
from ostinato.registry import Count, Hidden
from ostinato.state import State


def joined(before: Tensor, x: Padded) -> tuple[Tensor, Tensor]:
    """The steps before [B n D] and those of x in one [B n + T D], and the last n real ones of each row."""
    both = torch.cat([before, x.data], 1)
    places = x.lengths.to(both.device).unsqueeze(1) + torch.arange(before.shape[1], device=both.device)
    return both, both[torch.arange(len(both), device=both.device).unsqueeze(1), places]


@register("window", example={"steps": 3, "hidden": 4})
class Window(nn.Module):
    """h_t = tanh(W [x_{t−steps+1}; …; x_t] + b), zeros before the first: its parameters grow with its width, share
    nothing between places, and what lies further back is out of reach."""

    latency: int | None = 0

    def __init__(self, steps: Count, hidden: Hidden, *, inputs: int):
        super().__init__()
        self.steps, self.inputs, self.outputs = steps, inputs, hidden
        self.map = nn.Linear(steps * inputs, hidden)

    def initial(self, batch: int) -> State:
        """Zeros before the first step."""
        return (self.map.weight.new_zeros(batch, self.steps - 1, self.inputs),)

    def forward(self, x: Padded, state: State | None = None) -> tuple[Padded, State]:
        """[B T inputs] to [B T outputs]."""
        both, after = joined(started(self, x, state)[0], x.zeroed())
        seen = torch.cat([both[:, i : i + x.steps] for i in range(self.steps)], -1)
        out = torch.tanh(affine(seen, self.map.weight, self.map.bias))
        return Padded(out, x.lengths).zeroed(), (after,)

    def finish(self, state: State) -> Padded:
        """Nothing is held back."""
        return nothing(self.outputs)

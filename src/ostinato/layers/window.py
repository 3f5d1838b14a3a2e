"""Window: the last few steps and nothing before them (Bengio et al., 2003, section 2)."""

import torch
from torch import Tensor, nn

from ostinato.kernels import affine
from ostinato.layers.base import nothing, register, started
from ostinato.padded import Padded
from ostinato.registry import Count, Hidden
from ostinato.state import State


def with_history(history: Tensor, x: Padded) -> tuple[Tensor, Tensor]:
    """The n steps before x and those of x in one [B n + T D], and the last n real steps of each row [B n D]."""
    both = torch.cat([history, x.data], 1)
    places = x.lengths.to(both.device).unsqueeze(1) + torch.arange(history.shape[1], device=both.device)
    return both, both[torch.arange(len(both), device=both.device).unsqueeze(1), places]


@register("window", example={"steps": 3, "hidden": 4})
class Window(nn.Module):
    """y_t = tanh(W [x_{t−steps+1}; …; x_t] + b), with zeros before the first step: [B T D] to [B T H].

    W is [H steps·D]: it grows with the window, shares nothing between places, and sees nothing further back.

    Options:
        steps: how many of the last steps the layer sees.
        hidden: numbers in each output.
    """

    latency: int | None = 0
    stride = 1

    def __init__(self, steps: Count, hidden: Hidden, *, inputs: int):
        super().__init__()
        self.steps, self.inputs, self.outputs = steps, inputs, hidden
        self.map = nn.Linear(steps * inputs, hidden)

    def initial(self, batch: int) -> State:
        """Zeros [B steps−1 D] before the first step."""
        return (self.map.weight.new_zeros(batch, self.steps - 1, self.inputs),)

    def forward(self, x: Padded, state: State | None = None) -> tuple[Padded, State]:
        """[B T D] to [B T H]. Raises StreamError where the state does not fit."""
        both, after = with_history(started(self, x, state)[0], x.zeroed())
        windows = torch.cat([both[:, i : i + x.steps] for i in range(self.steps)], -1)
        out = torch.tanh(affine(windows, self.map.weight, self.map.bias))
        return Padded(out, x.lengths).zeroed(), (after,)

    def finish(self, state: State) -> Padded:
        """No outputs: none wait."""
        return nothing(self.outputs)

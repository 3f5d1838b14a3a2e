"""A scan by its definition: any layout and direction, one step after another in plain torch."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ostinato.kernels.fold import fold, rebuild


def reference_scan(
    definition: Callable[..., tuple[Tensor, Any]], like: Any, lengths: Tensor, starts: Tensor | None, reverse: bool
) -> Callable[..., tuple[Tensor, ...]]:
    """(x, weights, leaves) -> outputs and final leaves, as a Scan gives them; states are built like `like`."""

    def run(x: Tensor, weights: Any, leaves: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        batch, steps = lengths.shape[0], x.shape[1] if starts is None else starts.shape[0]
        time = torch.arange(steps)[None, :].expand(batch, steps)
        real = time < lengths[:, None]
        rows = torch.arange(batch)[:, None].expand(batch, steps)
        # Where the step that runs as step t stands: read there, written there.
        at = torch.where(real, lengths[:, None] - 1 - time, time) if reverse else time
        if starts is None:
            inputs = x[rows, at]
        else:
            places = torch.where(real, starts[at.clamp(0, max(steps - 1, 0))] + rows, 0) if steps else rows[:, :0]
            inputs = x[places] if x.shape[0] else x.new_zeros(batch, steps, x.shape[-1])
        outputs, final = fold(
            lambda x_at, state: definition(x_at, state, weights), inputs, rebuild(like, list(leaves)), lengths
        )
        if starts is None:
            outputs = outputs[rows, at]
        else:
            outputs = outputs.new_zeros(x.shape[0], outputs.shape[-1]).index_put((places[real],), outputs[real])
        return (outputs, *final)

    return run

"""A scan by its definition, in plain torch: one step after another, in any layout and direction."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ostinato.kernels.fold import fold
from ostinato.state import rebuild


def reference_scan(
    definition: Callable[..., tuple[Tensor, Any]], like: Any, lengths: Tensor, starts: Tensor | None, reverse: bool
) -> Callable[..., tuple[Tensor, ...]]:
    """A function of (x [B T D], weights, leaves [B ...]) that gives outputs [B T P] and the final leaves, as a Scan
    does.

    `definition` is the step, `like` the state whose tuple type it takes; `lengths` [B], `starts` [T] and `reverse` are
    as in `Scan.__call__`.
    """

    def run(x: Tensor, weights: Any, leaves: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        batch, steps = lengths.shape[0], x.shape[1] if starts is None else starts.shape[0]
        time = torch.arange(steps)[None, :].expand(batch, steps)
        real = time < lengths[:, None]
        rows = torch.arange(batch)[:, None].expand(batch, steps)
        # The place of the step that runs as step t, in inputs and outputs.
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

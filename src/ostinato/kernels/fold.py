"""A step folded over time, in plain torch: the slow definition that every fast kernel must equal."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ostinato.state import State, rebuild


def where(keep: Tensor, new: Any, old: Any) -> Any:
    """Row by row: the leaves [B ...] of `new` where `keep` [B] is true, else those of `old`."""
    if isinstance(new, tuple):
        return rebuild(old, [where(keep, n, o) for n, o in zip(new, old, strict=True)])
    return torch.where(keep.view(-1, *[1] * (new.dim() - 1)), new, old)


def fold(
    step: Callable[[Tensor, State], tuple[Tensor, State]], gates: Tensor, state: State, lengths: Tensor
) -> tuple[Tensor, State]:
    """Runs `step` over gates [B T G], for each row as many steps as `lengths` [B] says: outputs [B T H], zero on
    padding, and each row's state after its last step."""
    batch, steps, _ = gates.shape
    real = torch.arange(steps, device=lengths.device)[None, :] < lengths[:, None]
    # Padding must not reach a gradient, not even as zero times infinity.
    gates = gates.where(real[:, :, None].to(gates.device), gates.new_zeros(()))
    outputs = []
    for t in range(steps):
        keep = real[:, t].to(gates.device)
        output, new = step(gates[:, t], state)
        outputs.append(output.where(keep.view(-1, *[1] * (output.dim() - 1)), output.new_zeros(())))
        state = where(keep, new, state)
    if not outputs:
        output, _ = step(gates.new_zeros(batch, gates.shape[2]), state)
        return output.new_zeros(batch, 0, *output.shape[1:]), state
    return torch.stack(outputs, dim=1), state

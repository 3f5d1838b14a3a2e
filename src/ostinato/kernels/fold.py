"""A step folded over time, in plain torch: the slow way that every fast one must equal."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

State = Any  # a tuple of tensors or of States


def rebuild(state: State, leaves: list[Any]) -> State:
    """A state like `state` (its tuple type, names and all) from other leaves."""
    return type(state)(*leaves) if hasattr(state, "_fields") else tuple(leaves)


def where(keep: Tensor, new: State, old: State) -> State:
    """Row by row: the new state where `keep` [B] is true, else the old one."""
    if isinstance(new, tuple):
        return rebuild(old, [where(keep, n, o) for n, o in zip(new, old, strict=True)])
    return torch.where(keep.view(-1, *[1] * (new.dim() - 1)), new, old)


def fold(
    step: Callable[[Tensor, State], tuple[Tensor, State]], gates: Tensor, state: State, lengths: Tensor
) -> tuple[Tensor, State]:
    """Runs `step` over gates [B T G]: past a row's length its outputs [B T H] are zero and its state stays."""
    batch, steps, _ = gates.shape
    real = torch.arange(steps, device=lengths.device)[None, :] < lengths[:, None]
    # What stands in the padding must not reach a gradient, not even as zero times infinity.
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

"""How the rows of a PackedSequence lie in its data."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence


class Layout(NamedTuple):
    """Row b, in the packed order, has lengths[b] steps; step t of it is element starts[t] + b of the data."""

    lengths: Tensor  # [B] int64, longest first
    starts: Tensor  # [T] int64


def layout(packed: PackedSequence) -> Layout | None:
    """From the batch sizes; None where they do not describe the data, which is torch's to refuse."""
    sizes, steps = packed.batch_sizes, len(packed.batch_sizes)
    if sizes.dtype is not torch.int64 or sizes.device.type != "cpu" or sizes.dim() != 1 or not steps:
        return None
    ends = sizes.cumsum(0)
    if int(ends[-1]) != len(packed.data) or int(sizes[-1]) < 1 or bool((sizes[1:] > sizes[:-1]).any()):
        return None
    rows = torch.arange(int(sizes[0]), device="cpu")
    lengths = steps - torch.searchsorted(sizes.flip(0), rows, right=True)
    return Layout(lengths, ends - sizes)

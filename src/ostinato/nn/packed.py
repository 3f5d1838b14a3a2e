"""The layout of rows in a PackedSequence's data."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence


class Layout(NamedTuple):
    """Row b, in the packed order, has `lengths[b]` steps (lengths [B]); its step t is element `starts[t] + b` of the
    data (starts [T])."""

    lengths: Tensor  # [B] int64, longest first
    starts: Tensor  # [T] int64


def layout(packed: PackedSequence) -> Layout | None:
    """The layout that the batch sizes [T] describe; None where they do not fit the data, which torch then reports."""
    sizes, steps = packed.batch_sizes, len(packed.batch_sizes)
    if sizes.dtype is not torch.int64 or sizes.device.type != "cpu" or sizes.dim() != 1 or not steps:
        return None
    ends = sizes.cumsum(0)
    if int(ends[-1]) != len(packed.data) or int(sizes[-1]) < 1 or bool((sizes[1:] > sizes[:-1]).any()):
        return None
    rows = torch.arange(int(sizes[0]), device="cpu")
    lengths = steps - torch.searchsorted(sizes.flip(0), rows, right=True)
    return Layout(lengths, ends - sizes)

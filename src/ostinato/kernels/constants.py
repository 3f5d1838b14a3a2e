"""What a call needs and no call changes: the lengths of rows that are all whole, and states of zeros; made once."""

from functools import lru_cache

import torch
from torch import Tensor

MOST_NUMBERS = 1 << 14  # of a tensor that is kept; a larger one costs more to fill than to make


def full_lengths(rows: int, steps: int) -> Tensor:
    """[rows], int64: `steps` in each."""
    if rows > MOST_NUMBERS or torch.compiler.is_compiling():
        return torch.full((rows,), steps, dtype=torch.int64, device="cpu")
    return _lengths(rows, steps)


def zeros(shape: tuple[int, ...], like: Tensor) -> Tensor:
    """Zeros of the type and device of `like`, to be read and never written."""
    if not like.is_cpu or torch.compiler.is_compiling() or torch.Size(shape).numel() > MOST_NUMBERS:
        return like.new_zeros(shape)
    return _zeros(shape, like.dtype)


@lru_cache(256)
@torch.inference_mode(False)  # what is made in inference cannot be kept for a gradient
def _lengths(rows: int, steps: int) -> Tensor:
    return torch.full((rows,), steps, dtype=torch.int64, device="cpu")


@lru_cache(256)
@torch.inference_mode(False)
def _zeros(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    return torch.zeros(shape, dtype=dtype, device="cpu")

"""Constant tensors, cached between calls: lengths of rows without padding, and states of zeros."""

from functools import lru_cache

import torch
from torch import Tensor

MOST_NUMBERS = 1 << 14  # of a cached tensor; a larger one costs more to fill than to allocate


def full_lengths(rows: int, steps: int) -> Tensor:
    """Lengths [rows] int64, `steps` in each; to be read, never written."""
    if rows > MOST_NUMBERS or torch.compiler.is_compiling():
        return torch.full((rows,), steps, dtype=torch.int64, device="cpu")
    return _lengths(rows, steps)


def zeros(shape: tuple[int, ...], like: Tensor) -> Tensor:
    """Zeros of `shape`, with the dtype and device of `like` [...]; to be read, never written."""
    if not like.is_cpu or torch.compiler.is_compiling() or torch.Size(shape).numel() > MOST_NUMBERS:
        return like.new_zeros(shape)
    return _zeros(shape, like.dtype)


@lru_cache(256)
@torch.inference_mode(False)  # autograd cannot save a tensor that was made in inference mode
def _lengths(rows: int, steps: int) -> Tensor:
    return torch.full((rows,), steps, dtype=torch.int64, device="cpu")


@lru_cache(256)
@torch.inference_mode(False)
def _zeros(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    return torch.zeros(shape, dtype=dtype, device="cpu")

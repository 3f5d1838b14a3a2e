"""Checks that every kernel makes of its tensors, and how tensors are passed to compiled code."""

import torch
from torch import Tensor

CODES = {torch.float32: 4, torch.float64: 8}  # as the compiled functions number them


def refusal(tensors: tuple[Tensor, ...]) -> str | None:
    """Why the kernels do not support these tensors [...] ("a tensor on cuda"); None where they do.

    Raises TypeError where one is not a tensor.
    """
    for tensor in tensors:
        if not isinstance(tensor, Tensor):
            raise TypeError(f"kernels: a {type(tensor).__name__} was given instead of a tensor; give a torch.Tensor.")
    dtype, strided = tensors[0].dtype, torch.strided
    for tensor in tensors:
        if not tensor.is_cpu:
            return f"a tensor on {tensor.device.type}"
        if tensor.layout is not strided:
            return f"a tensor of layout {tensor.layout}".replace("torch.", "")
        if tensor.dtype is not dtype:
            return f"dtypes {dtype} and {tensor.dtype} together".replace("torch.", "")
    if dtype not in CODES:
        return f"dtype {dtype}".replace("torch.", "")
    if not torch.compiler.is_compiling():
        if torch._C._are_functorch_transforms_active():
            return "a torch.func transform such as vmap"
        if torch.autograd.forward_ad._current_level >= 0:
            return "forward-mode differentiation"
    return None


def widened(*tensors: Tensor) -> tuple[Tensor, ...]:
    """The tensors [...], those of half precision as float32 under autocast, where the kernels compute in float32."""
    if not torch.is_autocast_enabled("cpu"):
        return tensors
    return tuple(t.float() if t.dtype in (torch.bfloat16, torch.float16) else t for t in tensors)


def plain(tensor: Tensor) -> Tensor:
    """The tensor [...] contiguous in memory, or a contiguous copy. (A negated view's memory has the other sign.)"""
    if tensor.is_contiguous() and not tensor.is_neg():
        return tensor  # the usual case, tested in a fifth of the time
    return tensor.resolve_neg().contiguous()


def buffers(*tensors: Tensor | None) -> list[int]:
    """Address and number of elements of each tensor [...], as the compiled functions take them; (0, 0) for None.

    The tensors must outlive the call.
    """
    flat: list[int] = []
    for tensor in tensors:
        flat += (0, 0) if tensor is None else (tensor.data_ptr(), tensor.numel())
    return flat


Layout = tuple[int, int, int, int, int, int]


def buffer(tensor: Tensor | None) -> tuple[int, int]:
    """Address and number of elements of one tensor [...]; (0, 0) for None."""
    return (0, 0) if tensor is None else (tensor.data_ptr(), tensor.numel())


def layout(tensor: Tensor | None, starts: Tensor | None) -> Layout:
    """The memory layout of sequences, as the compiled functions take it: address, elements from first to last, strides
    of rows and of steps (in elements) of a tensor [B T .]; with `starts` [T], for a PackedSequence's data [N .], also
    the address and the size of `starts`. Zeros for None."""
    if tensor is None:
        return (0, 0, 0, 0, 0, 0)
    strides, sizes = tensor.stride(), tensor.shape
    reach = 0
    if tensor.numel():
        reach = 1
        for size, stride in zip(sizes, strides):
            reach += (size - 1) * stride
    if starts is not None:
        return (tensor.data_ptr(), reach, 0, max(strides[0], sizes[1]), starts.data_ptr(), starts.numel())
    return (tensor.data_ptr(), reach, strides[0], strides[1], 0, 0)


def needs_grad(tensors: tuple[Tensor | None, ...]) -> bool:
    """Whether autograd records an operation on these tensors [...]."""
    if torch.is_grad_enabled():
        for tensor in tensors:
            if tensor is not None and tensor.requires_grad:
                return True
    return False

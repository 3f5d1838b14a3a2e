"""Building a task's model: its size is known, and checked, before anything is allocated."""

import math
import os
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from ostinato.errors import ResourceError
from ostinato.registry import Spec
from ostinato.tasks.base import Task
from ostinato.wiring import check_wiring, declared


def build_model(task: Task[Any, Any], spec: Spec[nn.Module]) -> nn.Module:
    """The model, its size checked before anything is allocated. Raises ResourceError where memory would not hold it."""
    wiring = task.wiring()
    if wiring is not None:
        check_wiring(wiring, declared(spec.constructor), type(task).__name__, spec.name)
    numbers = count_parameters(task, spec)
    needed, free = 4 * numbers, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > free:
        raise ResourceError(
            f"model: {numbers:,} parameters need {needed / 2**30:,.1f} GiB but this machine has "
            f"{free / 2**30:,.1f}; take fewer or smaller layers"
        )
    return task.model(spec)


def count_parameters(task: Task[Any, Any], spec: Spec[nn.Module]) -> int:
    """How many numbers the model would learn; nothing is allocated."""
    with torch.device("meta"), _Unfilled():
        return sum(math.prod(parameter.shape) for parameter in task.model(spec).parameters())


class _Unfilled(TorchFunctionMode):
    """Nothing is filled with random numbers: where only sizes count that is idle, and torch would import its whole
    compiler (seconds) to do it on the device that holds nothing."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(function, "__name__", "") in ("normal_", "uniform_"):
            return args[0] if args else kwargs["tensor"]
        return function(*args, **(kwargs or {}))

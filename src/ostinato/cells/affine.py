"""The products that need no state: compiled where they can be, so that their bits do not depend on the other rows."""

import logging

import torch
from torch import Tensor
from torch.nn import functional

from ostinato.kernels import linear
from ostinato.kernels.checks import refusal, widened

log = logging.getLogger(__name__)


def affine(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x Wᵀ + b, x [... D] to [... O]; torch's own where the compiled one cannot run (said once in the log)."""
    given = widened(x, weight) if bias is None else widened(x, weight, bias)
    reason = refusal(given)
    if reason is None:
        return linear(x, weight, bias)
    if not torch.compiler.is_compiling() and reason not in _said:
        _said.add(reason)
        log.info("linear maps are torch's own: the compiled ones do not take %s", reason)
    return functional.linear(x, weight, bias)


_said: set[str] = set()

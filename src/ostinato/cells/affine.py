"""Linear maps that need no state; compiled where possible, so that a row's bits do not depend on the other rows."""

import logging

import torch
from torch import Tensor
from torch.nn import functional

from ostinato.kernels import linear
from ostinato.kernels.checks import refusal, widened

log = logging.getLogger(__name__)


def affine(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x Wᵀ + b: x [... D], weight [O D], bias [O] to [... O].

    Runs the compiled product, or torch's own where that one cannot run (logged once for each reason).
    """
    given = widened(x, weight) if bias is None else widened(x, weight, bias)
    reason = refusal(given)
    if reason is None:
        return linear(x, weight, bias)
    if not torch.compiler.is_compiling() and reason not in _logged:
        _logged.add(reason)
        log.info("linear maps run in torch: the compiled product does not support %s", reason)
    return functional.linear(x, weight, bias)


_logged: set[str] = set()

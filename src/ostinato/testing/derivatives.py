"""Checks first and second derivatives against finite differences, in float64."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck

from ostinato.padded import Padded
from ostinato.testing.samples import trainable

STEP, ABSOLUTE, RELATIVE = 1e-6, 1e-5, 1e-3


def check_derivatives(module: Any, run: Callable[[Tensor], Padded], x: Padded) -> None:
    """Compares the derivatives of `run`, which maps the data [B T ...] of `x` to outputs [B T ...], by that data and by
    the module's parameters. Raises AssertionError where an analytic derivative and a finite difference differ."""
    leaves = [parameter for _, parameter in trainable(module)]
    by_input = [x.data] if x.data.requires_grad else []
    if not leaves and not by_input:
        return

    def outputs(*values: Tensor) -> Tensor:  # torch changes the parameters in place, so they are not passed on
        out = run(values[0] if by_input else x.data)
        return torch.cat([row.flatten() for row in out.rows()])

    everything = (*by_input, *leaves)
    # One random projection instead of every entry: it detects a wrong formula as well, a hundred times faster.
    options: dict[str, Any] = {"eps": STEP, "atol": ABSOLUTE, "rtol": RELATIVE, "fast_mode": True}
    try:
        gradcheck(outputs, everything, **options)
        gradgradcheck(outputs, everything, **options)
    except RuntimeError as error:  # torch's GradcheckError is one
        raise AssertionError(f"derivatives: {error}") from error

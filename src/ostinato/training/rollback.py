"""Rollback: whether a model in training is still sound, and the checkpoint to go back to where it is not."""

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ostinato.errors import BundleError, DivergedError
from ostinato.tasks.base import Task
from ostinato.training import checkpoint
from ostinato.training.checkpoint import Checkpoint
from ostinato.training.run_state import RunState

BAD_STEPS = 3
"""Steps skipped in a row before training goes back to a checkpoint."""
RETURNS = 3
"""Such returns before it gives up."""


def is_finite(parameters: Iterable[nn.Parameter]) -> bool:
    """Whether every weight is a finite number."""
    return all(bool(parameter.isfinite().all()) for parameter in parameters)


def has_finite_loss(task: Task[Any, Any], model: nn.Module, batch: Any) -> bool:
    """Whether the model makes anything of a batch; finite weights may be so large that it does not."""
    with torch.no_grad():
        loss, _ = task.loss(model, batch, None)
    return math.isfinite(loss.total.item())


def last_good(out: Path, run: RunState, reason: str, say: Callable[[str], None]) -> Checkpoint:
    """The checkpoint to go back to. Raises DivergedError after RETURNS returns, BundleError where there is none."""
    if run.returns == RETURNS:
        raise DivergedError(
            f"{out}: {reason} at step {run.step}, after {RETURNS} returns to an earlier checkpoint; lower "
            "train.optimizer.learning_rate, or look for a fault in the data"
        )
    target = checkpoint.newest(out, say, lambda saved: bool(saved.training["regular"]))
    if target is None:
        raise BundleError(f"{out}: no checkpoint to go back to can be read; start again with --fresh")
    return target


def returned(before: RunState, restored: RunState) -> None:
    """Make the restored state one that goes on behind the bad batches, which would only be met again (Chowdhery et al.,
    2022), with half the rate; `restored` is changed in place."""
    restored.epoch, restored.index, restored.seconds = before.epoch, before.index, before.seconds
    restored.skipped, restored.bad = before.skipped, 0
    restored.returns, restored.rate_scale = before.returns + 1, before.rate_scale / 2

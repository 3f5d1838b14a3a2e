"""AdamW (Loshchilov and Hutter, 2019)."""

import torch
from torch import nn

from ostinato.registry import NotNegative, Positive, Share
from ostinato.training.optimizers.base import groups, register


@register("adamw", renamed={"rate": "learning_rate", "decay": "weight_decay"})
def adamw(
    learning_rate: Positive = 2e-3,
    beta1: Share = 0.9,
    beta2: Share = 0.999,
    epsilon: Positive = 1e-8,
    weight_decay: NotNegative = 0.01,
    *,
    model: nn.Module,
) -> torch.optim.AdamW:
    """Adam with decoupled weight decay, in one pass over each tensor: elementwise, so the same bits every time.

    Options:
        learning_rate: the largest step size; the schedule scales it.
        beta1: decay of the mean of gradients.
        beta2: decay of the mean of squared gradients.
        epsilon: added to the root of the mean square, against division by zero.
        weight_decay: share of each weight, times the learning rate, that is taken off at each step.
    """
    return torch.optim.AdamW(
        groups(model, weight_decay), lr=learning_rate, betas=(beta1, beta2), eps=epsilon, fused=True
    )

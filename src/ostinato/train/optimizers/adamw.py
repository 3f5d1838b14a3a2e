"""AdamW (Loshchilov and Hutter, 2019)."""

import torch
from torch import nn

from ostinato.registry import NotNegative, Positive, Share
from ostinato.train.optimizers.base import groups, register


@register("adamw")
def adamw(
    rate: Positive = 2e-3,
    beta1: Share = 0.9,
    beta2: Share = 0.999,
    epsilon: Positive = 1e-8,
    decay: NotNegative = 0.01,
    *,
    model: nn.Module,
) -> torch.optim.AdamW:
    """Adam with decoupled weight decay, in one pass over each tensor: elementwise, so the same bits every time."""
    return torch.optim.AdamW(groups(model, decay), lr=rate, betas=(beta1, beta2), eps=epsilon, fused=True)

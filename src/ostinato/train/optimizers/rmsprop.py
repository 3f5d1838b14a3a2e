"""RMSprop (Tieleman and Hinton, 2012), centred as in Graves (2013) where asked for."""

import torch
from torch import nn

from ostinato.registry import NotNegative, Positive, Share
from ostinato.train.optimizers.base import groups, register


@register("rmsprop")
def rmsprop(
    rate: Positive = 1e-3,
    smoothing: Share = 0.99,
    epsilon: Positive = 1e-8,
    momentum: Share = 0.0,
    centered: bool = False,
    decay: NotNegative = 0.0,
    *,
    model: nn.Module,
) -> torch.optim.RMSprop:
    """Gradients divided by the root of their mean square. `decay` adds decay · w to the gradient."""
    return torch.optim.RMSprop(
        groups(model, decay), lr=rate, alpha=smoothing, eps=epsilon, momentum=momentum, centered=centered
    )

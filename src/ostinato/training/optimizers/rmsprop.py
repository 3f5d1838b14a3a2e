"""RMSprop (Tieleman and Hinton, 2012), centred as in Graves (2013) where asked for."""

import torch
from torch import nn

from ostinato.registry import NotNegative, Positive, Share
from ostinato.training.optimizers.base import groups, register


@register("rmsprop", renamed={"rate": "learning_rate", "decay": "weight_decay", "smoothing": "alpha"})
def rmsprop(
    learning_rate: Positive = 1e-3,
    alpha: Share = 0.99,
    epsilon: Positive = 1e-8,
    momentum: Share = 0.0,
    centered: bool = False,
    weight_decay: NotNegative = 0.0,
    *,
    model: nn.Module,
) -> torch.optim.RMSprop:
    """Gradients divided by the root of their mean square. `weight_decay` adds weight_decay · w to the gradient.

    Options:
        learning_rate: the largest step size; the schedule scales it.
        alpha: decay of the mean of squared gradients.
        epsilon: added to the root of the mean square, against division by zero.
        momentum: decay of the sum of past steps; 0 has none.
        centered: whether gradients are divided by their standard deviation instead.
        weight_decay: factor of the weights that are added to the gradient.
    """
    return torch.optim.RMSprop(
        groups(model, weight_decay), lr=learning_rate, alpha=alpha, eps=epsilon, momentum=momentum, centered=centered
    )

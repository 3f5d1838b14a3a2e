"""Stochastic gradient descent with momentum (Polyak, 1964; Nesterov, 1983)."""

import torch
from torch import nn

from ostinato.errors import ConfigError
from ostinato.registry import NotNegative, Positive, Share
from ostinato.training.optimizers.base import groups, register


@register("sgd", renamed={"rate": "learning_rate", "decay": "weight_decay"})
def sgd(
    learning_rate: Positive = 0.1,
    momentum: Share = 0.0,
    nesterov: bool = False,
    weight_decay: NotNegative = 0.0,
    *,
    model: nn.Module,
) -> torch.optim.SGD:
    """v' = momentum · v + g;  w' = w − learning_rate · v'. `weight_decay` adds weight_decay · w to the gradient.

    Raises ConfigError for `nesterov` without momentum.

    Options:
        learning_rate: the largest step size; the schedule scales it.
        momentum: decay of the sum of past gradients; 0 has none.
        nesterov: whether the gradient is taken ahead of the momentum's step (Nesterov).
        weight_decay: factor of the weights that are added to the gradient.
    """
    if nesterov and not momentum:
        raise ConfigError("train.optimizer.nesterov: it looks ahead along the momentum, which is 0; set momentum = 0.9")
    return torch.optim.SGD(groups(model, weight_decay), lr=learning_rate, momentum=momentum, nesterov=nesterov)

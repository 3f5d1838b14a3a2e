"""The registry of models: what a recipe's [model] table may name."""

from torch import nn

from ostinato.registry import Registry

models: Registry[nn.Module] = Registry(nn.Module, "model", "ostinato.models", renamed={"probe": "sequence"})
register = models.register

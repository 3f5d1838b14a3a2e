"""Optimizers: torch's own, one file each, with the options that a recipe may name."""

from ostinato.training.optimizers.adamw import adamw
from ostinato.training.optimizers.base import groups, optimizers, register
from ostinato.training.optimizers.rmsprop import rmsprop
from ostinato.training.optimizers.sgd import sgd

__all__ = ["adamw", "groups", "optimizers", "register", "rmsprop", "sgd"]

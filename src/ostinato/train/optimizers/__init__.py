"""Optimizers: torch's own, one file each, with the options that a recipe may name."""

from ostinato.train.optimizers.adamw import adamw
from ostinato.train.optimizers.base import groups, optimizers, register
from ostinato.train.optimizers.rmsprop import rmsprop
from ostinato.train.optimizers.sgd import sgd

__all__ = ["adamw", "groups", "optimizers", "register", "rmsprop", "sgd"]

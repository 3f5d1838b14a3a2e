"""Output layers: from a vector to a distribution over a vocabulary, and the loss of a target under it."""

from ostinato.layers.outputs.adaptive import Adaptive
from ostinato.layers.outputs.base import Output, outputs, register
from ostinato.layers.outputs.full import Full, linear_cross_entropy
from ostinato.layers.outputs.sampled import Sampled

__all__ = ["Adaptive", "Full", "Output", "Sampled", "linear_cross_entropy", "outputs", "register"]

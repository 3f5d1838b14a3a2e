"""Additive smoothing."""

from ostinato.lm.ngram.smoothing.base import Counted, Rule, Smoothed, Smoothing, named
from ostinato.registry import Positive


@named("additive")
class Additive(Smoothing):
    """Additive smoothing, Laplace's for gamma 1 and Lidstone's otherwise (Chen and Goodman, 1998, section 2.1):

    p(w | c) = (C(c w) + γ) / (C(c) + γ |V|)

    for contexts of order − 1 words, or all words since <s>. Lower orders are not used: after a context that did not
    occur, every word has 1 / |V|.

    Options:
        gamma: added to every count.
    """

    def __init__(self, gamma: Positive = 1.0):
        self.gamma = gamma

    def smoothed(self, counts: Counted) -> Smoothed:
        """The same for all orders."""
        return Smoothed([Rule(added=self.gamma * counts.words, whole_only=True)] * counts.order, [])

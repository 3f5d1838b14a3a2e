"""Witten–Bell smoothing."""

from ostinato.lm.ngram.smoothing.base import Counted, Rule, Smoothed, Smoothing, named


@named("witten_bell")
class WittenBell(Smoothing):
    """Witten–Bell (Witten and Bell, 1991, method C; interpolated as by Chen and Goodman, 1998, section 2.5):

    p(w | c) = (C(c w) + N₁₊(c •) p(w | c′)) / (C(c) + N₁₊(c •))

    Options:
        interpolate_unigrams: whether the unigrams are mixed with the uniform distribution; false leaves what they free
            to <unk>.
    """

    def __init__(self, interpolate_unigrams: bool = True):
        self.interpolate_unigrams = self.uniform_over_all = interpolate_unigrams

    def smoothed(self, counts: Counted) -> Smoothed:
        """The same for all orders."""
        return Smoothed([Rule(types=1.0)] * counts.order, [])

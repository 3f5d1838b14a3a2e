"""Maximum likelihood: no smoothing."""

from ostinato.lm.ngram.smoothing.base import Counted, Rule, Smoothed, Smoothing, named


@named("maximum_likelihood")
class MaximumLikelihood(Smoothing):
    """No smoothing: p(w | c) = C(c w) / C(c), 0 where c w does not occur; p(w | c′) where c does not occur.

    This is not a distribution over texts: most have probability 0.
    """

    distribution = False

    def smoothed(self, counts: Counted) -> Smoothed:
        """The same for all orders."""
        return Smoothed([Rule(lower="constant")] * counts.order, [])

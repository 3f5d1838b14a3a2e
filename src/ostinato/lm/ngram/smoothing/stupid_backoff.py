"""Stupid back-off."""

from ostinato.errors import ConfigError
from ostinato.lm.ngram.smoothing.base import Counted, Rule, Smoothed, Smoothing, named
from ostinato.registry import Positive


@named("stupid_backoff")
class StupidBackoff(Smoothing):
    """Stupid back-off (Brants et al., 2007): S(w | c) = C(c w) / C(c) where c w occurs, and else α S(w | c′).

    These are scores, not probabilities. A context that does not occur costs no α here, unlike in Brants et al.: a
    back-off model has no weight for it, and the factor would be the same for all words. <unk> has 0.

    Raises ConfigError for an alpha above 1.

    Options:
        alpha: the factor of each step back to a shorter context.
    """

    distribution = False

    def __init__(self, alpha: Positive = 0.4):
        if alpha > 1:
            raise ConfigError(f"smoothing.alpha: {alpha} would make words that did not occur likelier; give 1 or less")
        self.alpha = alpha

    def smoothed(self, counts: Counted) -> Smoothed:
        """The same for all orders."""
        return Smoothed([Rule(lower="constant", constant=self.alpha)] * counts.order, [])

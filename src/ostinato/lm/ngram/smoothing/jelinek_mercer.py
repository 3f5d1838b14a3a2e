"""Jelinek–Mercer smoothing."""

from ostinato.errors import ConfigError
from ostinato.lm.ngram.smoothing.base import Counted, Notes, Rule, Smoothed, Smoothing, named
from ostinato.registry import Count, Share

BUCKETS = 32
"""Contexts are grouped by ⌊log₂ C(c)⌋, a number of 32 bits."""


@named("jelinek_mercer", {"weights": [0.6]})
class JelinekMercer(Smoothing):
    """Jelinek–Mercer (Jelinek and Mercer, 1980; Chen and Goodman, 1998, section 2.3):

    p(w | c) = λ(c) C(c w) / C(c) + (1 − λ(c)) p(w | c′)

    λ are `weights`, one an order; the last is also that of the orders above it. Without them they are fitted by
    expectation-maximization on the text file `held_out`; without that, on every tenth sentence of the corpus, which is
    left out of the counts for this and counted afterwards. There are `buckets` weights an order, by ⌊log₂ C(c)⌋; 1 is
    one λ an order. With fewer than 20 sentences each λ is 0.5, with a note.

    Raises ConfigError for options that do not fit together.

    Options:
        weights: the weight λ of each order, from the unigrams up; not set: estimated on held-out text.
        held_out: the path of the text to estimate the weights on; not set: every tenth sentence of the corpus.
        buckets: weights for each order, by the count of the context; 1 is one weight an order.
        interpolate_unigrams: whether the unigrams are mixed with the uniform distribution; false leaves what they free
            to <unk>.
    """

    def __init__(
        self,
        weights: list[Share] | None = None,
        held_out: str | None = None,
        buckets: Count = BUCKETS,
        interpolate_unigrams: bool = True,
    ):
        if weights is not None and held_out is not None:
            raise ConfigError("smoothing.weights, smoothing.held_out: only one of them can decide; leave the other out")
        if weights is not None and not weights:
            raise ConfigError(
                "smoothing.weights: the list is empty; give one weight an order, or leave it out to fit them"
            )
        if buckets > BUCKETS:
            raise ConfigError(f"smoothing.buckets: {buckets} are more than a count has bits; give 1 to {BUCKETS}")
        self.weights, self.held_out, self.buckets = weights, held_out, buckets
        self.interpolate_unigrams = self.uniform_over_all = interpolate_unigrams

    def smoothed(self, counts: Counted) -> Smoothed:
        """λ by order and, if fitted, by the count of the context."""
        notes: Notes = []
        if self.weights is not None:
            if len(self.weights) > counts.order:
                raise ConfigError(
                    f"smoothing.weights: there are {len(self.weights)} for order {counts.order}; give no more than that"
                )
            weights = [[self.weights[min(k, len(self.weights) - 1)]] for k in range(counts.order)]
        else:
            weights, notes = counts.fitted_weights(self.held_out, self.buckets)
        return Smoothed([Rule(weights=each) for each in weights], notes)

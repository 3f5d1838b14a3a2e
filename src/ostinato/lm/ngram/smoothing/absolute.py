"""Absolute discounting: the same discount for every count of an order."""

from ostinato.errors import ConfigError
from ostinato.lm.ngram.smoothing.base import (
    Counted,
    Notes,
    Rule,
    Smoothed,
    Smoothing,
    closed_form,
    named,
    same_discount,
)
from ostinato.registry import Share


class OneDiscount(Smoothing):
    """The base of smoothings with one discount an order, D = n₁ / (n₁ + 2n₂), or `discount` for all orders.

    Raises ConfigError for a discount of 0.

    Options:
        discount: the discount D of every order, taken from each count; not set: estimated for each order.
        interpolate_unigrams: whether the unigrams are mixed with the uniform distribution; false leaves what they free
            to <unk>.
    """

    adjusted = False

    def __init__(self, discount: Share | None = None, interpolate_unigrams: bool = True):
        if discount == 0:
            raise ConfigError(
                "smoothing.discount: 0 leaves no probability for other words; give one above 0 and below 1"
            )
        self.discount, self.interpolate_unigrams = discount, interpolate_unigrams
        self.uniform_over_all = interpolate_unigrams

    def smoothed(self, counts: Counted) -> Smoothed:
        """One discount an order."""
        notes: Notes = []
        rules = []
        for order, n in enumerate(counts.of_counts(self.adjusted), 1):
            discount = self.discount if self.discount is not None else closed_form(order, n, notes)
            rules.append(Rule(adjusted=self.adjusted, minus=same_discount(discount)))
        return Smoothed(rules, notes)


@named("absolute")
class AbsoluteDiscounting(OneDiscount):
    """Interpolated absolute discounting (Ney, Essen and Kneser, 1994):

    p(w | c) = (C(c w) − D) / C(c) + D N₁₊(c •) / C(c) p(w | c′)

    D = n₁ / (n₁ + 2n₂) an order, 0.5 where n₁ or n₂ is 0, or `discount` for all orders.
    """

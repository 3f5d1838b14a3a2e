"""Katz back-off."""

from collections.abc import Sequence
from typing import Literal

from ostinato.lm.ngram.smoothing.base import Counted, Notes, Rule, Smoothed, Smoothing, closed_form, named


@named("katz")
class Katz(Smoothing):
    """Katz back-off with Good and Turing's discounts (Katz, 1987; Chen and Goodman, 1998, section 2.4):

    p(w | c) = d_r r / C(c) where r = C(c w) > 0, d_r = 1 above k, and else α(c) p(w | c′)
    d_r = (r*/r − (k+1) n_{k+1}/n₁) / (1 − (k+1) n_{k+1}/n₁),  r* = (r+1) n_{r+1}/n_r

    Where this needs a count of counts that is 0, or a d_r is not between 0 and 1, the counts up to k of that order lose
    the absolute discount n₁ / (n₁ + 2n₂) instead, or 0.5, with a note. A context whose counts are all above k would
    leave nothing for other words, so its total is taken one larger (Doug Paul's rule). α of the unigrams goes to the
    words without a count: <unk> alone, unless a vocabulary was given.

    Options:
        k: the largest count that is discounted.
    """

    def __init__(self, k: Literal[1, 2, 3, 4, 5] = 5):
        self.k = k

    def smoothed(self, counts: Counted) -> Smoothed:
        """A discount for each count up to k, by order."""
        notes: Notes = []
        rules = []
        for order, n in enumerate(counts.of_counts(False), 1):
            rules.append(Rule(minus=self._minus(order, n, notes), lower="back_off"))
        return Smoothed(rules, notes)

    def _minus(self, order: int, n: Sequence[int], notes: Notes) -> tuple[float, ...]:
        ratios = self._ratios(n)
        if ratios is None:
            discount = closed_form(order, n, [])
            notes.append(
                f"order {order}: Good and Turing's discounts are undefined for its counts of counts; "
                f"counts up to {self.k} lose {discount:.3g} instead"
            )
            ratios = [(r - discount) / r for r in range(1, self.k + 1)]
        return (0.0, *(r * (1 - d) for r, d in enumerate(ratios, 1)), *(0.0,) * (6 - self.k))

    def _ratios(self, n: Sequence[int]) -> list[float] | None:
        if not all(n[1 : self.k + 2]):
            return None
        beyond = (self.k + 1) * n[self.k + 1] / n[1]
        if beyond >= 1:
            return None
        ratios = [((r + 1) * n[r + 1] / n[r] / r - beyond) / (1 - beyond) for r in range(1, self.k + 1)]
        return ratios if all(0 < d < 1 for d in ratios) else None

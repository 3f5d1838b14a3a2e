"""Kneser–Ney smoothing: modified, and with one discount an order."""

from collections.abc import Sequence

from ostinato.errors import ConfigError
from ostinato.lm.ngram.smoothing.absolute import OneDiscount
from ostinato.lm.ngram.smoothing.base import FALLBACK, Counted, Notes, Rule, Smoothed, Smoothing, named


@named("modified_kneser_ney")
class ModifiedKneserNey(Smoothing):
    """Interpolated modified Kneser–Ney (Chen and Goodman, 1998, equation 26), as KenLM's lmplz estimates it:

    p(w | c) = (a(c w) − D(a)) / Σ_w a(c w) + γ(c) p(w | c′),  γ(c) = Σ_w D(a(c w)) / Σ_w a(c w)
    D₁ = 1 − 2Y n₂/n₁,  D₂ = 2 − 3Y n₃/n₂,  D₃₊ = 3 − 4Y n₄/n₃,  Y = n₁ / (n₁ + 2n₂)

    a is the count at the highest order and after <s>, and elsewhere the number of different words before c w. Where
    n₁, n₂ or n₃ is 0, or a D is not above 0 and at most its count, as for small or character corpora, the D of that
    order are `fallback`, with a note. Without `interpolate_unigrams`, <unk> gets all that the unigrams leave.

    Raises ConfigError for a `fallback` that is not three discounts.

    Options:
        interpolate_unigrams: whether the unigrams are mixed with the uniform distribution; false leaves what they free
            to <unk>.
        fallback: the discounts of counts 1, 2 and 3 or more where an order's own cannot be estimated.
    """

    def __init__(
        self,
        interpolate_unigrams: bool = True,
        fallback: list[float] = [*FALLBACK],  # noqa: B006
    ):
        self.interpolate_unigrams, self.fallback = interpolate_unigrams, list(fallback)
        if len(fallback) != 3 or not all(0 < d <= j for j, d in enumerate(fallback, 1)):
            raise ConfigError(
                f"smoothing.fallback: {fallback} are not discounts; give three above 0 and at most 1, 2 and 3"
            )
        self.uniform_over_all = interpolate_unigrams

    def smoothed(self, counts: Counted) -> Smoothed:
        """Three discounts an order."""
        notes: Notes = []
        rules = []
        for order, n in enumerate(counts.of_counts(True), 1):
            discounts = self._discounts(order, n, notes)
            rules.append(Rule(adjusted=True, minus=(0.0, *discounts, *(discounts[2],) * 3)))
        return Smoothed(rules, notes)

    def _discounts(self, order: int, n: Sequence[int], notes: Notes) -> list[float]:
        missing = next((j for j in (1, 2, 3) if n[j] == 0), None)
        reason = f"no n-gram has the adjusted count {missing}"
        if missing is None:
            y = n[1] / (n[1] + 2 * n[2])
            discounts = [j - (j + 1) * y * n[j + 1] / n[j] for j in (1, 2, 3)]
            wrong = next((j for j in (1, 2, 3) if not 0 < discounts[j - 1] <= j), None)
            if wrong is None:
                return discounts
            reason = f"the discount for the count {wrong} would be {discounts[wrong - 1]:.3g}"
        fallback = ", ".join(f"{d:g}" for d in self.fallback)
        notes.append(
            f"order {order}: {reason}, so the closed form of its discounts is undefined; they are {fallback} instead"
        )
        return self.fallback


@named("kneser_ney")
class KneserNey(OneDiscount):
    """Interpolated Kneser–Ney (Kneser and Ney, 1995; interpolated as by Chen and Goodman, 1998): modified_kneser_ney
    with one D = n₁ / (n₁ + 2n₂) an order, 0.5 where n₁ or n₂ is 0, or `discount` for all orders.
    """

    adjusted = True

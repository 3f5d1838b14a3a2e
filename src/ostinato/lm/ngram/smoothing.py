"""Smoothing: what an n-gram's count says of its probability, and what is left for words that were not seen.

Each kind turns counts of counts into one `Rule` an order; the compiled estimation applies rules and knows no kinds.
c is a context, c′ the same without its first word, N₁₊(c •) the number of different words after c, |V| the number of
words that can come next: all but <s>, with </s> and <unk>. Below the unigrams stands 1 / |V|.
"""

import inspect
import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

from ostinato.errors import ConfigError
from ostinato.registry import Count, Positive, Registry, Share

Lower: TypeAlias = Literal["interpolate", "back_off", "constant"]
Notes: TypeAlias = list[str]

FALLBACK = (0.5, 1.0, 1.5)
"""D₁, D₂ and D₃₊ where the closed form has none: those of KenLM's `lmplz --discount_fallback`."""

BUCKETS = 32


@dataclass(frozen=True)
class Rule:
    """share(c w) = weights[⌊log₂ Σa⌋] · (a(c w) − minus[min(a, 6)]) / (Σ_w a(c w) + types · N₁₊(c •) + added); see
    csrc/ngram/build/estimate.hpp. `adjusted` counts a are Kneser and Ney's: how many words stand before c w.
    """

    adjusted: bool = False
    minus: tuple[float, ...] = (0.0,) * 7
    types: float = 0.0
    added: float = 0.0
    weights: Sequence[float] = ()
    lower: Lower = "interpolate"
    constant: float = 0.0
    whole_only: bool = False

    def plain(self) -> tuple[Any, ...]:
        """As the compiled door takes it."""
        lower = ("interpolate", "back_off", "constant").index(self.lower)
        weights = list(self.weights)
        return (
            self.adjusted, self.minus, self.types, self.added, weights, lower, self.constant, self.whole_only,
        )  # fmt: skip


class Counted(Protocol):
    """What a smoothing may ask of what was counted."""

    order: int
    words: int
    """|V|"""

    def of_counts(self, adjusted: bool) -> list[list[int]]:
        """[order 7]: how many n-grams of each order have the count 0, 1, … 6."""

    def fitted_weights(self, held_out: str | None, buckets: int) -> tuple[list[list[float]], Notes]:
        """[order buckets]: Jelinek and Mercer's; and what was done otherwise than asked."""


class Smoothed(NamedTuple):
    """One rule an order, and a sentence for whatever was done otherwise than asked."""

    rules: list[Rule]
    notes: Notes


class Smoothing(ABC):
    """A way to share out probability; its constructor's options are what a table may say."""

    distribution = True
    """Whether probabilities sum to one; where they do not, there is no perplexity."""
    uniform_over_all = True
    """Whether what the unigrams leave goes to all words alike, or to those without a count and <unk> alone."""

    @abstractmethod
    def smoothed(self, counts: Counted) -> Smoothed:
        """The rules for these counts."""

    def table(self) -> str:
        """Name and options as JSON."""
        options = inspect.signature(type(self)).parameters
        return json.dumps({"name": self.name, **{option: getattr(self, option) for option in options}})

    name = ""


smoothings: Registry[Smoothing] = Registry(Smoothing, "smoothing", "ostinato.lm.ngram.smoothing")
register = smoothings.register


def named(name: str, example: dict[str, Any] | None = None) -> Any:
    """Register a class under `name`, and let it know."""

    def add(kind: type[Smoothing]) -> type[Smoothing]:
        kind.name = name
        return register(name, example)(kind)

    return add


def absolute(discount: float) -> tuple[float, ...]:
    """The same taken off every count."""
    return (0.0, *(discount,) * 6)


def closed_form(order: int, n: Sequence[int], notes: Notes) -> float:
    """D = n₁ / (n₁ + 2 n₂) (Ney, Essen and Kneser, 1994), or FALLBACK's first where n₁ or n₂ is 0."""
    if n[1] and n[2]:
        return n[1] / (n[1] + 2 * n[2])
    lacking = 1 if not n[1] else 2
    notes.append(
        f"order {order}: no n-gram has the count {lacking}, so there is no discount in closed form; "
        f"it is {FALLBACK[0]:g} instead"
    )
    return FALLBACK[0]


@named("modified_kneser_ney")
class ModifiedKneserNey(Smoothing):
    """Interpolated modified Kneser–Ney (Chen and Goodman, 1998, equation 26), as KenLM's lmplz estimates it:

    p(w | c) = (a(c w) − D(a)) / Σ_w a(c w) + γ(c) p(w | c′),  γ(c) = Σ_w D(a(c w)) / Σ_w a(c w)
    D₁ = 1 − 2Y n₂/n₁,  D₂ = 2 − 3Y n₃/n₂,  D₃₊ = 3 − 4Y n₄/n₃,  Y = n₁ / (n₁ + 2n₂)

    a is the count at the highest order and from <s> on, elsewhere the number of words seen before c w. Where n₁, n₂
    or n₃ is 0 or a D is not above 0 and at most its count, as in tiny or character corpora, that order's D
    are `fallback`, and a note says so. `interpolate_unigrams` false leaves what the unigrams free to <unk>.

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
        lacking = next((j for j in (1, 2, 3) if n[j] == 0), None)
        reason = f"no n-gram has the adjusted count {lacking}"
        if lacking is None:
            y = n[1] / (n[1] + 2 * n[2])
            found = [j - (j + 1) * y * n[j + 1] / n[j] for j in (1, 2, 3)]
            wrong = next((j for j in (1, 2, 3) if not 0 < found[j - 1] <= j), None)
            if wrong is None:
                return found
            reason = f"the discount for the count {wrong} would be {found[wrong - 1]:.3g}"
        instead = ", ".join(f"{d:g}" for d in self.fallback)
        notes.append(f"order {order}: {reason}, so the closed form has no discounts; they are {instead} instead")
        return self.fallback


class _OneDiscount(Smoothing):
    """Smoothing that takes one discount from every count of an order.

    Options:
        discount: the discount D of every order, taken from each count; not set: estimated for each order.
        interpolate_unigrams: whether the unigrams are mixed with the uniform distribution; false leaves what they free
            to <unk>.
    """

    adjusted = False

    def __init__(self, discount: Share | None = None, interpolate_unigrams: bool = True):
        if discount == 0:
            raise ConfigError("smoothing.discount: 0 leaves nothing for other words; give one above 0 and below 1")
        self.discount, self.interpolate_unigrams = discount, interpolate_unigrams
        self.uniform_over_all = interpolate_unigrams

    def smoothed(self, counts: Counted) -> Smoothed:
        """One discount an order, in closed form where none is given."""
        notes: Notes = []
        rules = []
        for order, n in enumerate(counts.of_counts(self.adjusted), 1):
            discount = self.discount if self.discount is not None else closed_form(order, n, notes)
            rules.append(Rule(adjusted=self.adjusted, minus=absolute(discount)))
        return Smoothed(rules, notes)


@named("kneser_ney")
class KneserNey(_OneDiscount):
    """Interpolated Kneser–Ney (Kneser and Ney, 1995; interpolated as by Chen and Goodman, 1998): modified_kneser_ney
    with one D = n₁ / (n₁ + 2n₂) an order, 0.5 where n₁ or n₂ is 0, or `discount` for all orders.
    """

    adjusted = True


@named("absolute")
class AbsoluteDiscounting(_OneDiscount):
    """Interpolated absolute discounting (Ney, Essen and Kneser, 1994):

    p(w | c) = (C(c w) − D) / C(c) + D N₁₊(c •) / C(c) p(w | c′)

    D = n₁ / (n₁ + 2n₂) an order, 0.5 where n₁ or n₂ is 0, or `discount` for all orders.
    """


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


@named("katz")
class Katz(Smoothing):
    """Katz back-off with Good and Turing's discounts (Katz, 1987; Chen and Goodman, 1998, section 2.4):

    p(w | c) = d_r r / C(c) where r = C(c w) > 0, d_r = 1 above k, and else α(c) p(w | c′)
    d_r = (r*/r − (k+1) n_{k+1}/n₁) / (1 − (k+1) n_{k+1}/n₁),  r* = (r+1) n_{r+1}/n_r

    Where these need a count of counts that is 0, or a d_r is not between 0 and 1, that order's counts up to k lose the
    absolute discount n₁ / (n₁ + 2n₂) instead, or 0.5, and a note says so. A context all of whose counts are above k
    would leave nothing for other words: its total is taken one larger (Doug Paul's rule). α of the unigrams goes to
    the words without a count, which is <unk> where the vocabulary was not given.

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
        found = self._ratios(n)
        if found is None:
            discount = closed_form(order, n, [])
            notes.append(
                f"order {order}: Good and Turing's discounts do not exist for its counts of counts; "
                f"counts up to {self.k} lose {discount:.3g} instead"
            )
            found = [(r - discount) / r for r in range(1, self.k + 1)]
        return (0.0, *(r * (1 - d) for r, d in enumerate(found, 1)), *(0.0,) * (6 - self.k))

    def _ratios(self, n: Sequence[int]) -> list[float] | None:
        if not all(n[1 : self.k + 2]):
            return None
        beyond = (self.k + 1) * n[self.k + 1] / n[1]
        if beyond >= 1:
            return None
        found = [((r + 1) * n[r + 1] / n[r] / r - beyond) / (1 - beyond) for r in range(1, self.k + 1)]
        return found if all(0 < d < 1 for d in found) else None


@named("jelinek_mercer", {"weights": [0.6]})
class JelinekMercer(Smoothing):
    """Jelinek–Mercer (Jelinek and Mercer, 1980; Chen and Goodman, 1998, section 2.3):

    p(w | c) = λ(c) C(c w) / C(c) + (1 − λ(c)) p(w | c′)

    λ are `weights`, one an order, the last of which stands for the orders above it too. Without them they are found by
    expectation and maximization on the text `held_out`; without that, on every tenth sentence of the corpus, left out
    of counting for it and counted after it. Found are `buckets` for each order, by ⌊log₂ C(c)⌋; 1 is one λ an order.
    Of fewer than 20 sentences none is left out: each λ is 0.5, and a note says so.

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
            raise ConfigError("smoothing.weights, smoothing.held_out: only one of them decides; leave the other out")
        if weights is not None and not weights:
            raise ConfigError(
                "smoothing.weights: there are none; give one an order, or leave them out to have them found"
            )
        if buckets > BUCKETS:
            raise ConfigError(f"smoothing.buckets: {buckets} are more than there are counts for; give 1 to {BUCKETS}")
        self.weights, self.held_out, self.buckets = weights, held_out, buckets
        self.interpolate_unigrams = self.uniform_over_all = interpolate_unigrams

    def smoothed(self, counts: Counted) -> Smoothed:
        """λ by order and, if found, by how often the context was seen."""
        notes: Notes = []
        if self.weights is not None:
            if len(self.weights) > counts.order:
                raise ConfigError(
                    f"smoothing.weights: there are {len(self.weights)} for order {counts.order}; give no more than that"
                )
            found = [[self.weights[min(k, len(self.weights) - 1)]] for k in range(counts.order)]
        else:
            found, notes = counts.fitted_weights(self.held_out, self.buckets)
        return Smoothed([Rule(weights=each) for each in found], notes)


@named("additive")
class Additive(Smoothing):
    """Additive smoothing, Laplace's with gamma 1 and Lidstone's otherwise (Chen and Goodman, 1998, section 2.1):

    p(w | c) = (C(c w) + γ) / (C(c) + γ |V|)

    for contexts of order − 1 words, or as many as there are since <s>. There are no lower orders: after a context that
    was not seen, every word has 1 / |V|.

    Options:
        gamma: added to every count.
    """

    def __init__(self, gamma: Positive = 1.0):
        self.gamma = gamma

    def smoothed(self, counts: Counted) -> Smoothed:
        """The same for all orders."""
        return Smoothed([Rule(added=self.gamma * counts.words, whole_only=True)] * counts.order, [])


@named("stupid_backoff")
class StupidBackoff(Smoothing):
    """Stupid back-off (Brants et al., 2007): S(w | c) = C(c w) / C(c) where c w was seen, and else α S(w | c′).

    Scores, not probabilities. A context that was never seen costs nothing here, where Brants et al. have another α: a
    back-off model has no place for its weight, and all words after that context have the same. <unk> has 0.

    Options:
        alpha: the factor of each step back to a shorter context.
    """

    distribution = False

    def __init__(self, alpha: Positive = 0.4):
        if alpha > 1:
            raise ConfigError(f"smoothing.alpha: {alpha} would make what was not seen likelier; give 1 or less")
        self.alpha = alpha

    def smoothed(self, counts: Counted) -> Smoothed:
        """The same for all orders."""
        return Smoothed([Rule(lower="constant", constant=self.alpha)] * counts.order, [])


@named("maximum_likelihood")
class MaximumLikelihood(Smoothing):
    """No smoothing: p(w | c) = C(c w) / C(c), 0 for what was not seen after c; p(w | c′) where c was never seen.

    Not a distribution over text: most texts have probability 0.
    """

    distribution = False

    def smoothed(self, counts: Counted) -> Smoothed:
        """The same for all orders."""
        return Smoothed([Rule(lower="constant")] * counts.order, [])

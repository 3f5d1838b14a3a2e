"""Smoothing: from the counts of n-grams to probabilities, of words that occurred and of others.

Each smoothing turns counts of counts into one `Rule` an order, and the compiled estimation applies the rules. In the
equations c is a context, c′ the same without its first word, C(·) a count, N₁₊(c •) the number of different words after
c, and |V| the number of words that can come next: all but <s>, with </s> and <unk>. The order below the unigrams is
1 / |V|.
"""

import inspect
import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

from ostinato.registry import Registry

Lower: TypeAlias = Literal["interpolate", "back_off", "constant"]
Notes: TypeAlias = list[str]

FALLBACK = (0.5, 1.0, 1.5)
"""D₁, D₂ and D₃₊ where the closed form is undefined: those of KenLM's `lmplz --discount_fallback`."""


@dataclass(frozen=True)
class Rule:
    """share(c w) = weights[⌊log₂ Σa⌋] · (a(c w) − minus[min(a, 6)]) / (Σ_w a(c w) + types · N₁₊(c •) + added); see
    csrc/ngram/estimate.hpp. With `adjusted`, a is the number of different words before c w (Kneser and Ney), else C.
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
        """The rule as a tuple, for the compiled estimation."""
        lower = ("interpolate", "back_off", "constant").index(self.lower)
        weights = list(self.weights)
        return (
            self.adjusted, self.minus, self.types, self.added, weights, lower, self.constant, self.whole_only,
        )  # fmt: skip


class Counted(Protocol):
    """The counts that a smoothing may ask for."""

    order: int
    words: int
    """|V|"""

    def of_counts(self, adjusted: bool) -> list[list[int]]:
        """[order 7]: the number of n-grams of each order with the count 0, 1, … 6."""

    def fitted_weights(self, held_out: str | None, buckets: int) -> tuple[list[list[float]], Notes]:
        """[order buckets]: Jelinek and Mercer's weights, and notes."""


class Smoothed(NamedTuple):
    """One rule an order, and notes: sentences about options that could not be met."""

    rules: list[Rule]
    notes: Notes


class Smoothing(ABC):
    """A way to estimate probabilities from counts; the options of its constructor are those of a recipe's table."""

    distribution = True
    """Whether probabilities sum to one; if not, there is no perplexity."""
    uniform_over_all = True
    """Whether the probability that unigrams leave is divided among all words, or those without a count and <unk>."""

    @abstractmethod
    def smoothed(self, counts: Counted) -> Smoothed:
        """The rules for these counts. Raises ConfigError for options that do not fit them."""

    def table(self) -> str:
        """Name and options as JSON."""
        options = inspect.signature(type(self)).parameters
        return json.dumps({"name": self.name, **{option: getattr(self, option) for option in options}})

    name = ""


smoothings: Registry[Smoothing] = Registry(Smoothing, "smoothing", "ostinato.lm.ngram.smoothing")
register = smoothings.register


def named(name: str, example: dict[str, Any] | None = None) -> Any:
    """Register a class under `name`, and store the name in it."""

    def add(kind: type[Smoothing]) -> type[Smoothing]:
        kind.name = name
        return register(name, example)(kind)

    return add


def same_discount(discount: float) -> tuple[float, ...]:
    """[7]: the same discount for every count above 0."""
    return (0.0, *(discount,) * 6)


def closed_form(order: int, n: Sequence[int], notes: Notes) -> float:
    """D = n₁ / (n₁ + 2 n₂) (Ney, Essen and Kneser, 1994), or FALLBACK's first where n₁ or n₂ is 0."""
    if n[1] and n[2]:
        return n[1] / (n[1] + 2 * n[2])
    missing = 1 if not n[1] else 2
    notes.append(
        f"order {order}: no n-gram has the count {missing}, so the closed form of the discount is undefined; "
        f"it is {FALLBACK[0]:g} instead"
    )
    return FALLBACK[0]

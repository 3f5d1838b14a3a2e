"""Language modelling: the cost of predicting a text, per character, byte or token."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from ostinato.errors import DataError
from ostinato.metrics.base import Signature, Stats, SummedMetric, register

NATS, TOKENS, CHARACTERS, BYTES, OOV = range(5)
"""The places of the statistics."""

BEFORE = "one </s> before the text, not predicted"
ROUNDING_NATS = 1e-3  # how far above 0 a log-probability of low precision may come out


class Reference(NamedTuple):
    """The ids to predict [T], and the number of their characters, UTF-8 bytes and unknown tokens."""

    tokens: npt.NDArray[Any]
    characters: int
    bytes: int
    oov: int


@dataclass(frozen=True)
class LanguageSignature(Signature):
    """What a number of a language model means; it names the tokenizer only where tokens are counted."""

    unit: str
    oov: str
    markers: str
    state: str
    corpus: str
    tokenizer: str | None = None


class LanguageMetric(SummedMetric):
    """Statistics [nats, tokens, characters, bytes, unknown tokens].

    The prediction is the natural log-probability of each token [T], the reference a `Reference`. Numbers per character
    or byte can be compared across tokenizers on the same text; numbers per token only with the same tokenizer.

    `corpus` and `tokenizer` are the sha256 of the text and of its tokenizer.json. `carried` says that the state was
    carried from window to window; otherwise `window` names the unit at which it was reset. `oov_left_out` says that
    the cost of unknown tokens was not counted.
    """

    counts: ClassVar[str]
    place: ClassVar[int]

    def __init__(
        self, *, corpus: str, tokenizer: str, carried: bool = True, window: str = "window", markers: str = BEFORE,
        oov_left_out: bool = False,
    ):  # fmt: skip
        self.corpus, self.tokenizer, self.carried, self.window = corpus, tokenizer, carried, window
        self.markers, self.oov_left_out = markers, oov_left_out

    def stats(self, prediction: npt.NDArray[Any] | Sequence[float], reference: Reference) -> Stats:
        """[5], from natural log-probabilities [T] of the reference's tokens [T].

        Raises DataError where the lengths differ, or a log-probability is NaN or above 0.
        """
        log_probs = np.asarray(prediction, np.float64)
        tokens = len(reference.tokens)
        if log_probs.shape != (tokens,):
            raise DataError(
                f"{self.name}: {list(log_probs.shape)} log-probabilities were given for {tokens} tokens; give one each"
            )
        if np.isnan(log_probs).any():
            raise DataError(f"{self.name}: a log-probability is not a number (NaN); the model diverged, train it again")
        if tokens and log_probs.max() > ROUNDING_NATS:
            raise DataError(f"{self.name}: a log-probability is {log_probs.max():g}, above 0; normalize them")
        nats = -float(log_probs.sum())
        return np.array([nats, tokens, reference.characters, reference.bytes, reference.oov], np.float64)

    def signature_of_sum(self, total: Stats) -> LanguageSignature:
        """What is counted, how, and on which text; whether unknown tokens occur is read from the statistics [5]."""
        treatment = "left out" if self.oov_left_out else "predicted"
        return LanguageSignature(
            unit=self.counts,
            oov=f"<unk> {treatment} {int(total[OOV])} times" if total[OOV] else "none occurs",
            markers=self.markers,
            state="carried" if self.carried else f"reset at each {self.window}",
            corpus=self.corpus,
            tokenizer=self.tokenizer if self.counts == "token" else None,
        )

    def score_of_sum(self, total: Stats) -> float:
        """Nats per unit, from summed statistics [5]; NaN where there is none of the unit."""
        return float(total[NATS] / total[self.place]) if total[self.place] else math.nan

    def example_row(self, generator: np.random.Generator, noise: float) -> tuple[npt.NDArray[Any], Reference]:
        """Three to nine tokens of one or two bytes each."""
        tokens = int(generator.integers(3, 10))
        log_probs = -noise * generator.gamma(2, size=tokens)
        return log_probs, Reference(np.arange(tokens), tokens, tokens + int(generator.integers(tokens + 1)), 0)


@register("nats_per_token")
class NatsPerToken(LanguageMetric):
    """− (1 / T) Σ ln p(token): the cross-entropy that training minimizes."""

    name, unit, counts, place = "nats_per_token", "nats/token", "token", TOKENS


@register("nats_per_character")
class NatsPerCharacter(LanguageMetric):
    """− Σ ln p(token) / characters."""

    name, unit, counts, place = "nats_per_character", "nats/character", "character", CHARACTERS


@register("bits_per_character")
class BitsPerCharacter(LanguageMetric):
    """− Σ log₂ p(token) / characters."""

    name, unit, counts, place = "bits_per_character", "bits/character", "character", CHARACTERS

    def score_of_sum(self, total: Stats) -> float:
        """Nats per character over ln 2."""
        return super().score_of_sum(total) / math.log(2)


@register("bits_per_byte")
class BitsPerByte(LanguageMetric):
    """− Σ log₂ p(token) / UTF-8 bytes."""

    name, unit, counts, place = "bits_per_byte", "bits/byte", "byte", BYTES

    def score_of_sum(self, total: Stats) -> float:
        """Nats per byte over ln 2."""
        return super().score_of_sum(total) / math.log(2)


@register("perplexity")
class Perplexity(LanguageMetric):
    """exp of nats per token (Jelinek et al., 1977): the number of equally likely tokens that would cost as much."""

    name, unit, counts, place = "perplexity", "perplexity per token", "token", TOKENS

    def score_of_sum(self, total: Stats) -> float:
        """Infinite above the largest float64."""
        nats_per_token = super().score_of_sum(total)
        return math.inf if nats_per_token > 709 else math.exp(nats_per_token)  # e^709 is the largest float64

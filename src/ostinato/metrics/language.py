"""Language modelling: how well tokens were foreseen, per character, byte or token."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from ostinato.errors import DataError
from ostinato.metrics.base import Metric, Signature, Stats, register

NATS, TOKENS, CHARACTERS, BYTES, OOV = range(5)
"""Where each statistic stands; all are sums, so rows and runs merge by addition."""

BEFORE = "one </s> before the text, not predicted"
ROUNDING_NATS = 1e-3  # how far above 0 a log-probability of low precision may come out


class Reference(NamedTuple):
    """The ids [T] that were to be foreseen, and how many characters, UTF-8 bytes and unknown tokens they are."""

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


class LanguageMetric(Metric):
    """Statistics [nats, tokens, characters, bytes, oov].

    The prediction is the natural log-probability of each token [T], the reference a `Reference`. Numbers per character
    or byte can be compared across tokenizers on the same text; numbers per token only with the same tokenizer.

    `corpus` and `tokenizer` are the sha256 of the text and of its tokenizer.json; `carried` says that the state went on
    from window to window, and else `window` names what it was reset at. How unknown tokens were met is read off the
    statistics: with none, it makes no difference; `oov_left_out` says that what they cost was not counted.
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
        """Raises DataError where the log-probabilities are not one a token, not numbers, or above 0."""
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

    def signature(self, total: Stats) -> LanguageSignature:
        """What is counted, how, on which text."""
        met = "left out" if self.oov_left_out else "predicted"
        return LanguageSignature(
            unit=self.counts,
            oov=f"<unk> {met} {int(total[OOV])} times" if total[OOV] else "none occurs",
            markers=self.markers,
            state="carried" if self.carried else f"reset at each {self.window}",
            corpus=self.corpus,
            tokenizer=self.tokenizer if self.counts == "token" else None,
        )

    def score(self, total: Stats) -> float:
        """Nats per what is counted."""
        return float(total[NATS] / total[self.place]) if total[self.place] else math.nan


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

    def score(self, total: Stats) -> float:
        """Nats per character over ln 2."""
        return super().score(total) / math.log(2)


@register("bits_per_byte")
class BitsPerByte(LanguageMetric):
    """− Σ log₂ p(token) / UTF-8 bytes."""

    name, unit, counts, place = "bits_per_byte", "bits/byte", "byte", BYTES

    def score(self, total: Stats) -> float:
        """Nats per byte over ln 2."""
        return super().score(total) / math.log(2)


@register("perplexity")
class Perplexity(LanguageMetric):
    """exp of nats per token: among how many equally likely tokens the model seems to choose."""

    name, unit, counts, place = "perplexity", "perplexity per token", "token", TOKENS

    def score(self, total: Stats) -> float:
        """Infinite where it is too large to write."""
        nats_per_token = super().score(total)
        return math.inf if nats_per_token > 709 else math.exp(nats_per_token)  # e^709 is the largest float64

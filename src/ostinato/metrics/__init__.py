"""Metrics: numbers that say their unit, their uncertainty and what they may be compared with."""

from ostinato.metrics.base import (
    Metric,
    Score,
    Signature,
    best_of,
    comparable,
    difference,
    evaluate,
    metrics,
    paired_bootstrap,
    register,
)
from ostinato.metrics.language import (
    BitsPerByte,
    BitsPerCharacter,
    LanguageMetric,
    LanguageSignature,
    NatsPerCharacter,
    NatsPerToken,
    Perplexity,
    Reference,
)
from ostinato.metrics.reading import Meaning, Reading, mixed

__all__ = [
    "BitsPerByte",
    "BitsPerCharacter",
    "LanguageMetric",
    "LanguageSignature",
    "Meaning",
    "Metric",
    "NatsPerCharacter",
    "NatsPerToken",
    "Perplexity",
    "Reading",
    "Reference",
    "Score",
    "Signature",
    "best_of",
    "comparable",
    "difference",
    "evaluate",
    "metrics",
    "mixed",
    "paired_bootstrap",
    "register",
]

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

__all__ = [
    "BitsPerByte",
    "BitsPerCharacter",
    "LanguageMetric",
    "LanguageSignature",
    "Metric",
    "NatsPerCharacter",
    "NatsPerToken",
    "Perplexity",
    "Reference",
    "Score",
    "Signature",
    "best_of",
    "comparable",
    "difference",
    "evaluate",
    "metrics",
    "paired_bootstrap",
    "register",
]

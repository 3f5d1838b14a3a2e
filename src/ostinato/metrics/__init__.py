"""Metrics: numbers with their unit, their uncertainty and what they may be compared with."""

from ostinato.metrics.accuracy import Accuracy
from ostinato.metrics.base import (
    ExamplesSignature,
    Metric,
    Score,
    Signature,
    Stats,
    SummedMetric,
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
from ostinato.metrics.ranking import AUROC, AveragePrecision
from ostinato.metrics.regression import SquaredError

__all__ = [
    "AUROC",
    "Accuracy",
    "AveragePrecision",
    "BitsPerByte",
    "BitsPerCharacter",
    "ExamplesSignature",
    "LanguageMetric",
    "LanguageSignature",
    "Metric",
    "NatsPerCharacter",
    "NatsPerToken",
    "Perplexity",
    "Reference",
    "Score",
    "Signature",
    "SquaredError",
    "Stats",
    "SummedMetric",
    "best_of",
    "comparable",
    "difference",
    "evaluate",
    "metrics",
    "paired_bootstrap",
    "register",
]

"""Language models: the protocol that search and scoring are written against, and baselines."""

from ostinato.lm.baselines import Baseline, Bigram, Uniform, Unigram
from ostinato.lm.protocol import (
    LanguageModel,
    Predictor,
    fold,
    language_models,
    log_probs_of,
    read,
    register,
    score,
    searched,
)

__all__ = [
    "Baseline",
    "Bigram",
    "LanguageModel",
    "Predictor",
    "Uniform",
    "Unigram",
    "fold",
    "language_models",
    "log_probs_of",
    "read",
    "register",
    "score",
    "searched",
]

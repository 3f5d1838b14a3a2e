"""Language models: the protocol that search and scoring are written against, baselines, n-grams, and
models made of others: mixtures, and words seen through what spells them."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ostinato.lm.baselines import Baseline, Bigram, Uniform, Unigram
    from ostinato.lm.cache import Cache
    from ostinato.lm.mixture import Mixture
    from ostinato.lm.ngram import NGram
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
    from ostinato.lm.words import Words

__all__ = [
    "Baseline",
    "Bigram",
    "Cache",
    "LanguageModel",
    "Mixture",
    "NGram",
    "Predictor",
    "Uniform",
    "Unigram",
    "Words",
    "fold",
    "language_models",
    "log_probs_of",
    "read",
    "register",
    "score",
    "searched",
]

_HOMES = {
    "Cache": "ostinato.lm.cache",
    "Mixture": "ostinato.lm.mixture",
    "NGram": "ostinato.lm.ngram",
    "Words": "ostinato.lm.words",
    **dict.fromkeys(("Baseline", "Bigram", "Uniform", "Unigram"), "ostinato.lm.baselines"),
}


def __getattr__(name: str) -> Any:
    if name in __all__:  # imported when asked for: n-grams are built and asked without torch
        return getattr(import_module(_HOMES.get(name, "ostinato.lm.protocol")), name)
    raise AttributeError(f"module 'ostinato.lm' has no attribute '{name}'")

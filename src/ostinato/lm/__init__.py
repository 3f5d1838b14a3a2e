"""Language models: the protocol that search and scoring use, baselines, n-grams, a cache, and models made of others:
mixtures, and word models over pieces."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ostinato.lm.baselines import Baseline, BigramBaseline, UniformBaseline, UnigramBaseline
    from ostinato.lm.cache import Cache
    from ostinato.lm.lexicon import WordsAsPieces
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
        searched,
        token_log_probs,
    )

__all__ = [
    "Baseline",
    "BigramBaseline",
    "Cache",
    "LanguageModel",
    "Mixture",
    "NGram",
    "Predictor",
    "UniformBaseline",
    "UnigramBaseline",
    "WordsAsPieces",
    "fold",
    "language_models",
    "log_probs_of",
    "read",
    "register",
    "searched",
    "token_log_probs",
]

_HOMES = {
    "Cache": "ostinato.lm.cache",
    "Mixture": "ostinato.lm.mixture",
    "NGram": "ostinato.lm.ngram",
    "WordsAsPieces": "ostinato.lm.lexicon",
    **dict.fromkeys(("Baseline", "BigramBaseline", "UniformBaseline", "UnigramBaseline"), "ostinato.lm.baselines"),
}


def __getattr__(name: str) -> Any:
    if name in __all__:  # imported when asked for: n-grams are built and asked without torch
        return getattr(import_module(_HOMES.get(name, "ostinato.lm.protocol")), name)
    raise AttributeError(f"module 'ostinato.lm' has no attribute '{name}'")

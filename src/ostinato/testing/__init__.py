"""Laws for every cell, layer, tokenizer, metric, task, data source, acoustic front end and language model: for those of
the library, and for a class of your own.

Each module has `LAWS`: functions of one built object that raise AssertionError with the difference. `strategies` (needs
hypothesis) draws lengths, cuts and tokens.
"""

from ostinato.testing import (
    cells,
    features,
    language_models,
    layers,
    metrics,
    sources,
    streams,
    tasks,
    tokenizers,
    tolerances,
)

__all__ = [
    "cells",
    "features",
    "language_models",
    "layers",
    "metrics",
    "sources",
    "streams",
    "tasks",
    "tokenizers",
    "tolerances",
]

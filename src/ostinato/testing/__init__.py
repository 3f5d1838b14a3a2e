"""Laws of cells, layers, tokenizers, metrics, tasks, data sources, features of sound and language models: of those that
the library has, and of those that other packages add.

Each module has `LAWS`, functions of one built thing that raise AssertionError with what is wrong; `strategies` (for
which hypothesis must be installed) draws lengths, cuttings and tokens.
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

"""Laws of cells, layers, tokenizers, features of sound, language models and data sources, also for those of others.

Each module has `LAWS`, functions of one built thing that raise AssertionError with what they found; `strategies` (for
which hypothesis must be installed) draws lengths, cuttings and tokens.
"""

from ostinato.testing import cells, features, language_models, layers, sources, streams, tokenizers, tolerances

__all__ = ["cells", "features", "language_models", "layers", "sources", "streams", "tokenizers", "tolerances"]

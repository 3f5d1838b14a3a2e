"""Laws that hold for every cell, layer, tokenizer, front end of sound and language model, and prove a stranger's.

Each module has `LAWS`, functions of one built thing that raise AssertionError with what they found; `strategies` (for
which hypothesis must be installed) draws lengths, cuttings and tokens.
"""

from ostinato.testing import cells, features, language_models, layers, streams, tokenizers, tolerances

__all__ = ["cells", "features", "language_models", "layers", "streams", "tokenizers", "tolerances"]

"""Laws for every cell, layer, tokenizer, acoustic front end and language model; run them on a class of your own.

Each module has `LAWS`: functions of one built object that raise AssertionError with the difference. `strategies` (needs
hypothesis) draws lengths, cuts and tokens.
"""

from ostinato.testing import cells, features, language_models, layers, streams, tokenizers, tolerances

__all__ = ["cells", "features", "language_models", "layers", "streams", "tokenizers", "tolerances"]

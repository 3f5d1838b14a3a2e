"""Laws that hold for every cell, layer, tokenizer, metric, front end of sound and language model, and for those that
other packages add.

Each module has `LAWS`, functions of one built thing that raise AssertionError with what is wrong; `strategies` (for
which hypothesis must be installed) draws lengths, cuttings and tokens.
"""

from ostinato.testing import cells, features, language_models, layers, metrics, streams, tasks, tokenizers, tolerances

__all__ = ["cells", "features", "language_models", "layers", "metrics", "streams", "tasks", "tokenizers", "tolerances"]

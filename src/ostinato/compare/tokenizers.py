"""Tokenizers compared on one text."""

import math
import re
from typing import Any, NamedTuple

import numpy as np
import torch

from ostinato.data.splits import DataSplits
from ostinato.data.text_file import Text
from ostinato.lm.baselines import BigramBaseline
from ostinato.progress import OnProgress, silent
from ostinato.text import Tokenizer


class TokenizerCounts(NamedTuple):
    """The size of a tokenizer's vocabulary, and the tokens, words (between white space) and unknown tokens of a text.

    `bits_per_character` is the cost of the validation split by a bigram of tokens that is counted on the training
    split. It is the one number here that is comparable across tokenizers, but for unknown tokens, which hide characters
    and so lower it.
    """

    size: int
    tokens: int
    words: int
    unknown: int
    bits_per_character: float

    @property
    def tokens_per_word(self) -> float:
        """The mean number of tokens in a word; NaN where there is no word."""
        return self.tokens / self.words if self.words else math.nan

    @property
    def unknown_rate(self) -> float:
        """The share of unknown tokens among all tokens."""
        return self.unknown / self.tokens if self.tokens else 0.0


def count_tokens(corpora: DataSplits[Any], tokenizer: Tokenizer, progress: OnProgress = silent) -> TokenizerCounts:
    """Tokens and words of `train` and `valid` together, and the cost of `valid` by a bigram of `train`."""
    train, valid = (_ids(corpora.splits[split], tokenizer, progress) for split in ("train", "valid"))
    bigram = BigramBaseline.train([np.concatenate([[tokenizer.eos], train])], tokenizer.size, tokenizer.eos)
    before = torch.from_numpy(np.concatenate([train[-1:], valid[:-1]]).astype(np.int64))
    nats = -float(bigram.given(before, torch.from_numpy(valid.astype(np.int64))).sum())
    ids = np.concatenate([train, valid])
    texts = [corpora.splits[split].pieces() for split in ("train", "valid")]
    words = sum(len(re.findall(r"\S+", "".join(pieces))) for pieces in texts)
    characters = sum(map(len, corpora.splits["valid"].pieces()))
    unknown = 0 if tokenizer.unknown is None else int(np.count_nonzero(ids == tokenizer.unknown))
    return TokenizerCounts(tokenizer.size, len(ids), words, unknown, nats / math.log(2) / characters)


def _ids(text: Text, tokenizer: Tokenizer, progress: OnProgress) -> np.ndarray:
    encoder = tokenizer.incremental_encoder()
    ids = [
        encoder.read(piece)
        for piece in text.pieces(lambda done, total: progress(f"tokenize {text.path.name}", done, total))
    ]
    return np.concatenate([*ids, encoder.read("", final=True)])

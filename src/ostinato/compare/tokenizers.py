"""What tokenizers make of one text, side by side."""

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


class Cut(NamedTuple):
    """Of a text in tokens: how many ids there are, how many tokens a word (a stretch without white space), what share
    of them is unknown, and what a bigram of the first nine tenths pays for the last, in bits a *character*: the one
    number here that means the same for every tokenizer. An unknown token hides characters, which makes it cheaper."""

    size: int
    tokens: int
    words: int
    unknown: int
    bits_per_character: float

    @property
    def tokens_per_word(self) -> float:
        """Not a number where there is no word."""
        return self.tokens / self.words if self.words else math.nan

    @property
    def unknown_rate(self) -> float:
        """Of the tokens."""
        return self.unknown / self.tokens if self.tokens else 0.0


def cut(corpora: DataSplits[Any], tokenizer: Tokenizer, progress: OnProgress = silent) -> Cut:
    """Counts over `train` and `valid`; the bigram learns from the one and is scored on the other."""
    train, valid = (_ids(corpora.splits[split], tokenizer, progress) for split in ("train", "valid"))
    bigram = BigramBaseline.train([np.concatenate([[tokenizer.eos], train])], tokenizer.size, tokenizer.eos)
    before = torch.from_numpy(np.concatenate([train[-1:], valid[:-1]]).astype(np.int64))
    nats = -float(bigram.given(before, torch.from_numpy(valid.astype(np.int64))).sum())
    ids = np.concatenate([train, valid])
    texts = [corpora.splits[split].pieces() for split in ("train", "valid")]
    words = sum(len(re.findall(r"\S+", "".join(pieces))) for pieces in texts)
    characters = sum(map(len, corpora.splits["valid"].pieces()))
    unknown = 0 if tokenizer.unknown is None else int(np.count_nonzero(ids == tokenizer.unknown))
    return Cut(tokenizer.size, len(ids), words, unknown, nats / math.log(2) / characters)


def _ids(text: Text, tokenizer: Tokenizer, progress: OnProgress) -> np.ndarray:
    reader = tokenizer.incremental_encoder()
    parts = [
        reader.read(piece)
        for piece in text.pieces(lambda done, total: progress(f"tokenize {text.path.name}", done, total))
    ]
    return np.concatenate([*parts, reader.read("", final=True)])

"""Byte-pair encoding (Sennrich, Haddow and Birch, 2016) over bytes (Radford et al., 2019): nothing is unknown."""

import json
import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from ostinato.errors import ConfigError
from ostinato.registry import Share, Vocabulary
from ostinato.text.bytes import Bytes, symbols
from ostinato.text.hf_tokenizer import SPACES, Form, Library
from ostinato.text.tokenizers import Ids, register

BYTES = {symbol: byte for byte, symbol in enumerate(symbols())}


@register("bpe", example={"size": 300})
class BPE(Library):
    """Starting from the 256 bytes, the most frequent pair of adjacent tokens becomes a token, until there are `size`.

    `size` counts all ids. `dropout` is the probability with which `sample` omits a merge (Provilkov, Emelianenko and
    Voita, 2020); `encode` omits none. Raises ConfigError where `size` is too small for the bytes and special tokens.

    Options:
        dropout: probability of omitting a merge where a text is sampled for training; encoding omits none.
    """

    model = "BPE"
    # A token may begin with white space, and has none after another character.
    unit = re.compile(f"[{SPACES}]*[^{SPACES}]+|[{SPACES}]+")

    def __init__(
        self,
        size: Vocabulary,
        form: Form = "none",
        lowercase: bool = False,
        dropout: Share = 0.0,
        special: list[str] | None = None,
    ):
        super().__init__(size, form, lowercase, "error", special)
        if size < len(BYTES) + len(self.names):
            raise ConfigError(f"tokenizer.size: {size} ids are too few for 256 bytes and {self.names}; take more")
        self.dropout = dropout

    def empty(self) -> Any:
        """A byte-level model that splits words as GPT-2 does, but adds no space before the text."""
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers

        library = Tokenizer(models.BPE(dropout=None))
        library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        library.decoder = decoders.ByteLevel()
        return library

    def trainer(self, size: int) -> Any:
        """A BPE trainer whose initial alphabet is all bytes."""
        from tokenizers import trainers

        return trainers.BpeTrainer(vocab_size=size, initial_alphabet=list(BYTES), show_progress=False)

    def text_of(self, token: str) -> bytes:
        """The bytes of its symbols; for a token with other characters, its UTF-8."""
        return bytes(BYTES[c] for c in token) if all(c in BYTES for c in token) else token.encode()

    @classmethod
    def reads(cls, document: Mapping[str, Any]) -> bool:
        """A BPE model with merges; without merges it is the tokenizer `byte`."""
        return super().reads(document) and not Bytes.reads(document)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "BPE":
        """As `Tokenizer.from_document`; the file's dropout becomes that of `sample`."""
        dropout = document["model"].get("dropout") or 0.0
        tokenizer = super().from_document({**document, "model": {**document["model"], "dropout": None}})
        tokenizer.dropout = float(dropout)
        return tokenizer

    def sample(self, text: str, dice: np.random.Generator) -> Ids:
        """The ids [T] of a text, where each merge is omitted with probability `dropout`, decided by `dice`.

        Implemented here because the library's own dropout takes no seed. Raises DataError before `train`.
        """
        library = self._ready()
        if self.dropout == 0 or not self.made_here:
            return self.encode(text)
        if not hasattr(self, "_ranks"):
            merges = json.loads(library.to_str())["model"]["merges"]
            self._ranks = {tuple(pair): rank for rank, pair in enumerate(merges)}
        ids = []
        for word, _ in library.pre_tokenizer.pre_tokenize_str(self.normalize(text)):
            ids += [library.token_to_id(part) for part in self._merged(list(word), dice)]
        return np.array(ids, self.dtype)

    def _merged(self, parts: list[str], dice: np.random.Generator) -> list[str]:
        while len(parts) > 1:
            ranked = [
                (self._ranks[pair], i)
                for i, pair in enumerate(pairwise(parts))
                if pair in self._ranks and dice.random() >= self.dropout
            ]
            if not ranked:
                return parts
            _, at = min(ranked)
            parts[at : at + 2] = [parts[at] + parts[at + 1]]
        return parts

"""Byte-pair encoding (Sennrich, Haddow and Birch, 2016) over bytes (Radford et al., 2019): nothing is ever unknown."""

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
    """The most frequent pair of neighbours becomes a token, again and again, from the 256 bytes on.

    `size` counts every id. `dropout` is the share of merges that `sample` leaves out (Provilkov, Emelianenko and Voita,
    2020); `encode` leaves out none.

    Options:
        dropout: share of the merges that are left out at random where a text is sampled for training; encoding leaves
            out none.
    """

    model = "BPE"
    # A token may begin with white space; none goes from something else into white space.
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
            raise ConfigError(f"tokenizer.size: {size} ids do not hold 256 bytes and {self.names}; take more")
        self.dropout = dropout

    def empty(self) -> Any:
        """Byte-level, cut as GPT-2 does, but for the space before the text."""
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers

        library = Tokenizer(models.BPE(dropout=None))
        library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        library.decoder = decoders.ByteLevel()
        return library

    def trainer(self, size: int) -> Any:
        """From all bytes on."""
        from tokenizers import trainers

        return trainers.BpeTrainer(vocab_size=size, initial_alphabet=list(BYTES), show_progress=False)

    def text_of(self, token: str) -> bytes:
        """The bytes that its symbols stand for; a foreign token's own UTF-8."""
        return bytes(BYTES[c] for c in token) if all(c in BYTES for c in token) else token.encode()

    @classmethod
    def reads(cls, document: Mapping[str, Any]) -> bool:
        """A model with merges: bytes alone are the tokenizer `byte`."""
        return super().reads(document) and not Bytes.reads(document)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "BPE":
        """As of any kind; the dropout that was saved is that of `sample`."""
        dropout = document["model"].get("dropout") or 0.0
        tokenizer = super().from_document({**document, "model": {**document["model"], "dropout": None}})
        tokenizer.dropout = float(dropout)
        return tokenizer

    def sample(self, text: str, dice: np.random.Generator) -> Ids:
        """The ids of a text where each merge was left out with probability `dropout`; other ids at every call.

        Written out here, because the library's own dropout cannot be given a seed.
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

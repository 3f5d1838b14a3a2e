"""Unigram (Kudo, 2018): the most probable segmentation of a word, by the probabilities of its subwords."""

import re
from typing import Any, Literal

from ostinato.registry import Vocabulary
from ostinato.text.hf_tokenizer import SPACE_MARK, Form, Library
from ostinato.text.tokenizers import UNKNOWN, register


@register("unigram", example={"size": 1000})
class Unigram(Library):
    """The subwords with the largest product of probabilities. `<` and line ends are separate, so that no text contains
    a special token. A space is written ▁ and begins the word after it.

    With `unknown` "bytes", characters that the vocabulary lacks are encoded as bytes, which are 256 of its `size` ids.
    """

    model = "Unigram"
    unit = re.compile(" [^ \\n]*|[^ \\n]+|\\n")

    def __init__(
        self,
        size: Vocabulary,
        form: Form = "none",
        lowercase: bool = False,
        unknown: Literal["token", "error", "bytes"] = "token",
        special: list[str] | None = None,
    ):
        super().__init__(size, form, lowercase, "token" if unknown == "token" else "error", special)
        self.in_bytes = unknown == "bytes"

    def empty(self) -> Any:
        """A unigram model over words, each of which begins with the space before it."""
        from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

        library = Tokenizer(models.Unigram())
        library.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex("[\\n<]"), "isolated"),
                pre_tokenizers.Metaspace(SPACE_MARK, prepend_scheme="never", split=True),
            ]
        )
        library.decoder = decoders.Sequence(
            [decoders.Replace(SPACE_MARK, " "), decoders.ByteFallback(), decoders.Fuse()]
        )
        return library

    def trainer(self, size: int) -> Any:
        """Expectation maximization, then pruning to `size` tokens."""
        from tokenizers import trainers

        special = [UNKNOWN]  # the library cannot train without it; `finished` removes it
        size += (self.unknown_token is None) - 256 * self.in_bytes
        return trainers.UnigramTrainer(
            vocab_size=max(size, 2), special_tokens=special, unk_token=UNKNOWN, show_progress=False
        )

    def finished(self, model: dict[str, Any]) -> dict[str, Any]:
        """The model with the 256 bytes, or without the unknown token, as `unknown` says."""
        # The library's order and last digits change from one training to the next; rounded and sorted they do not.
        learnt = [[token, round(score, 6)] for token, score in model["vocab"] if token != UNKNOWN]
        vocabulary = sorted(learnt, key=lambda each: (-each[1], each[0]))
        if self.unknown_token is not None:
            vocabulary = [[UNKNOWN, 0.0], *vocabulary]
        if self.in_bytes:
            lowest = min((score for _, score in vocabulary), default=0.0) - 10
            vocabulary = [[f"<0x{byte:02X}>", lowest] for byte in range(256)] + vocabulary
        unknown = 0 if self.in_bytes or self.unknown_token is not None else None
        return model | {"vocab": vocabulary, "unk_id": unknown, "byte_fallback": self.in_bytes}

    def text_of(self, token: str) -> bytes:
        """Its UTF-8 with ▁ as a space; for a byte token, that byte."""
        byte = re.fullmatch("<0x([0-9A-F]{2})>", token)
        return bytes([int(byte[1], 16)]) if byte else token.replace(SPACE_MARK, " ").encode()

    def normalize(self, text: str) -> str:
        """The normal form, with ▁ as a space. Raises DataError before `train`."""
        return super().normalize(text).replace(SPACE_MARK, " ")

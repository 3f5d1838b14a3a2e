"""Words: one id for each run of characters without white space, as in word language models."""

import re
from collections.abc import Sequence
from typing import Any

from ostinato.registry import Vocabulary
from ostinato.text.hf_tokenizer import SPACES, Form, Library, Unknown
from ostinato.text.incremental import GrowingWriter
from ostinato.text.tokenizers import UNKNOWN, Ids, register

NO_WORD = " "
"""A name that no word has, for models where an unknown word is an error."""
GAPS = SPACES.replace("\\n", "")


@register("word", example={"size": 500})
class Words(Library):
    """The most frequent words, `size` ids in all. A line end is a word; other white space only separates words.

    Decoding gives single spaces, and none at line ends. `<unk>` in a text is the unknown word, as in corpora such as
    WikiText.
    """

    model = "WordLevel"
    unit = re.compile(f"[^{SPACES}]+|\\n")

    def __init__(
        self,
        size: Vocabulary = 50_000,
        form: Form = "none",
        lowercase: bool = False,
        unknown: Unknown = "token",
        special: list[str] | None = None,
    ):
        super().__init__(size, form, lowercase, unknown, special)

    def empty(self) -> Any:
        """A word-level model that splits at white space and line ends."""
        from tokenizers import Regex, Tokenizer, models, pre_tokenizers

        library = Tokenizer(models.WordLevel({}, unk_token=self.unknown_token or NO_WORD))
        library.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex("\\n"), "isolated"),
                pre_tokenizers.Split(Regex(f"[{_codes(GAPS)}]+"), "removed"),
            ]
        )
        return library

    def trainer(self, size: int) -> Any:
        """The library's trainer: words by frequency."""
        from tokenizers import trainers

        special = [] if self.unknown_token is None else [self.unknown_token]
        return trainers.WordLevelTrainer(vocab_size=size, special_tokens=special, show_progress=False)

    def finished(self, model: dict[str, Any]) -> dict[str, Any]:
        """The model without the names of special tokens, which are unknown words where a text contains them."""
        known = [word for word in sorted(model["vocab"], key=model["vocab"].__getitem__) if word not in self.names]
        return model | {"vocab": {word: i for i, word in enumerate(known)}}

    def text_of(self, token: str) -> bytes:
        """The word's UTF-8."""
        return token.encode()

    def normalize(self, text: str) -> str:
        """Words with single spaces between them, and line ends; the name of a special token is an unknown word. Raises
        DataError before `train`."""
        words = self.unit.findall(super().normalize(text))
        return _joined([UNKNOWN if word in self.names else word for word in words])

    def decode(self, ids: Ids | Sequence[int]) -> str:
        """As `Tokenizer.decode`: single spaces between words, none at a line end."""
        if not self.made_here:
            return super().decode(ids)
        texts = [self._texts[i] for i in self.checked(ids).tolist()]
        return _joined([text.decode() for text in texts if text])

    def count_characters(self, ids: Ids | Sequence[int]) -> int:
        """As `Tokenizer.count_characters`: words and the spaces between them."""
        return len(self.decode(ids))

    def count_bytes(self, ids: Ids | Sequence[int]) -> int:
        """As `Tokenizer.count_bytes`: words and the spaces between them."""
        return len(self.decode(ids).encode())

    def incremental_decoder(self) -> GrowingWriter:
        """Decodes ids incrementally; a space is written with the word after it."""
        return GrowingWriter(self.decode)


def _joined(words: list[str]) -> str:
    return re.sub(" ?\\n ?", "\\n", " ".join(words))


def _codes(characters: str) -> str:
    """A character class of Python's as the library's regular expressions write it."""
    return re.sub(r"\\u([0-9a-f]{4})", r"\\x{\1}", re.sub(r"\\x([0-9a-f]{2})", r"\\x{\1}", characters))

"""WordPiece (Schuster and Nakajima, 2012): the longest known part of a word, then the longest part of the rest."""

import re
import tempfile
from collections.abc import Iterable
from typing import Any

from ostinato.text.hf_tokenizer import SPACE_MARK, SPACES, Library
from ostinato.text.incremental import utf
from ostinato.text.tokenizers import UNKNOWN, register

INSIDE = "##"
LONGEST = 1000
"""Characters of a word beyond which it is unknown."""


@register("wordpiece", example={"size": 2000})
class WordPiece(Library):
    """Parts of words, those inside a word marked with ##. A space belongs to the word after it and is written ▁, and
    punctuation and line ends stand alone, so a text comes back as it was; only ▁ comes back as a space."""

    model = "WordPiece"
    unit = re.compile(" [^ \\n]*|[^ \\n]+|\\n")

    def empty(self) -> Any:
        """Words that begin with their space."""
        from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

        unknown = self.unknown_token or UNKNOWN
        model = models.WordPiece(
            {}, unk_token=unknown, max_input_chars_per_word=LONGEST, continuing_subword_prefix=INSIDE
        )
        library = Tokenizer(model)
        library.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex("\\n"), "isolated"),
                pre_tokenizers.Metaspace(SPACE_MARK, prepend_scheme="never", split=True),
                pre_tokenizers.Punctuation("isolated"),
            ]
        )
        library.decoder = decoders.Sequence(
            [decoders.Replace(Regex(f"^{INSIDE}"), ""), decoders.Replace(SPACE_MARK, " "), decoders.Fuse()]
        )
        return library

    def train(self, pieces: Iterable[str]) -> None:
        """Learn the vocabulary. The text is read twice, from a temporary file: left alone, the library would number
        what stands inside words by chance, and settle ties by the numbers."""
        characters: set[str] = set()
        with tempfile.TemporaryFile("w+", encoding="utf-8", newline="") as file:
            for piece in pieces:
                file.write(utf(piece, "utf-8").decode())
                characters.update(piece)
            file.seek(0)
            alphabet, normalizer = "".join(sorted(characters)), self.normalizer()
            normal = normalizer.normalize_str(alphabet) if normalizer else alphabet
            self._inside = sorted({INSIDE + c for c in normal if not re.match(f"[{SPACES}]", c)})
            super().train(iter(lambda: file.read(1 << 20), ""))

    def trainer(self, size: int) -> Any:
        """By frequency of pairs, as the library trains them."""
        from tokenizers import trainers

        special = [*([] if self.unknown_token is None else [self.unknown_token]), *self._inside]
        return trainers.WordPieceTrainer(
            vocab_size=size, special_tokens=special, continuing_subword_prefix=INSIDE, show_progress=False
        )

    def text_of(self, token: str) -> bytes:
        """Without its mark, ▁ as a space."""
        return token.removeprefix(INSIDE).replace(SPACE_MARK, " ").encode()

    def normalize(self, text: str) -> str:
        """▁ becomes a space."""
        return super().normalize(text).replace(SPACE_MARK, " ")

"""WordPiece (Schuster and Nakajima, 2012): the longest known prefix of a word, then that of the rest."""

import re
import tempfile
from collections.abc import Iterable
from typing import Any

from ostinato.text.hf_tokenizer import SPACE_MARK, SPACES, Library
from ostinato.text.incremental import utf
from ostinato.text.tokenizers import UNKNOWN, register

INSIDE = "##"
LONGEST = 1000
"""The most characters of a word; a longer one is unknown."""


@register("wordpiece", example={"size": 2000})
class WordPiece(Library):
    """Subwords; one that does not begin a word is marked with ##. A space is written ▁ and begins the word after it;
    punctuation and line ends are separate. Decoding gives the text back, except that ▁ becomes a space."""

    model = "WordPiece"
    unit = re.compile(" [^ \\n]*|[^ \\n]+|\\n")

    def empty(self) -> Any:
        """A WordPiece model over words, each of which begins with the space before it."""
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
        """As `Tokenizer.train`. Raises DataError where the text has no word.

        The text is read twice, the second time from a temporary file: the library alone would number the characters
        inside words in random order, and break ties by these numbers.
        """
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
        """The library's trainer: merges by frequency of pairs."""
        from tokenizers import trainers

        special = [*([] if self.unknown_token is None else [self.unknown_token]), *self._inside]
        return trainers.WordPieceTrainer(
            vocab_size=size, special_tokens=special, continuing_subword_prefix=INSIDE, show_progress=False
        )

    def text_of(self, token: str) -> bytes:
        """Its UTF-8 without ##, with ▁ as a space."""
        return token.removeprefix(INSIDE).replace(SPACE_MARK, " ").encode()

    def normalize(self, text: str) -> str:
        """The normal form, with ▁ as a space. Raises DataError before `train`."""
        return super().normalize(text).replace(SPACE_MARK, " ")

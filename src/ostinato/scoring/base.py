"""TextScorer: a language model that scores texts."""

import hashlib
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ostinato.data.table.line_file import BOM
from ostinato.data.text_file import Errors, Text
from ostinato.data.token_file import TokenFile
from ostinato.errors import ConfigError
from ostinato.progress import OnProgress, silent
from ostinato.scoring.score_tokens import score_tokens
from ostinato.scoring.token_scores import TokenScores
from ostinato.text.tokenizers import Tokenizer


class TextScorer(ABC):
    """`tokenizer` is None where tokens are the words of lines; `lm` is a LanguageModel over their ids."""

    def __init__(self, path: Path, tokenizer: Tokenizer | None):
        self.path, self.tokenizer = path, tokenizer

    @property
    @abstractmethod
    def lm(self) -> Any:
        """The `ostinato.lm.LanguageModel` over the tokens' ids."""

    @property
    def files(self) -> list[Path]:
        """What it is read from, those of its parts too."""
        return [self.path]

    @property
    def distribution(self) -> bool:
        """Whether its scores are probabilities, which sum to one."""
        return True

    @property
    def words(self) -> list[str]:
        """The word of each id. Raises ConfigError where tokens are not words."""
        raise ConfigError(f"{self.path}: its tokens are its tokenizer's, not words; ask that")

    @abstractmethod
    def read(self, text: Text, progress: OnProgress = silent, probabilities: bool = True) -> TokenScores:
        """What each token of the text cost. Raises DataError where there is none; and, if `probabilities` are wanted,
        where the model gives scores that are none."""

    def pieces(self, text: Text) -> Iterator[str]:
        """Each token of the text as text, for people."""
        if self.tokenizer is None:
            for line in lines(text):
                yield from (word.decode("utf-8", "replace") for word in line.split())
                yield "</s>"
        else:
            reader = self.tokenizer.incremental_encoder()
            for piece in text.pieces():
                yield from self.tokenizer.pieces(reader.read(piece))
            yield from self.tokenizer.pieces(reader.read("", final=True))

    @property
    def identity(self) -> object:
        """Equal for models whose tokens are the same."""
        if self.tokenizer is not None:
            return hashlib.sha256(self.tokenizer.to_json().encode()).hexdigest()
        return frozenset(self.words)


class TokenScorer(TextScorer):
    """Any LanguageModel over a tokenizer's ids; a text is one long row of them. `path` is its name in messages."""

    tokenizer: Tokenizer

    def __init__(self, path: Path, tokenizer: Tokenizer, lm: Any = None):
        super().__init__(path, tokenizer)
        self._lm = lm

    @property
    def lm(self) -> Any:
        """What it was made of."""
        return self._lm

    def read(self, text: Text, progress: OnProgress = silent, probabilities: bool = True) -> TokenScores:
        """From the beginning to the end, as one row (`score_tokens`)."""
        with tempfile.TemporaryDirectory(prefix="ostinato-") as folder:
            file = TokenFile.build(text, self.tokenizer, Path(folder, text.path.name), progress)
            return score_tokens(self.lm, file, self.tokenizer, progress)


def lines(text: Text) -> Iterator[bytes]:
    """The lines of a text that have a word in them, with their ends."""
    return (line for line in every_line(text) if line.split())


def every_line(text: Text) -> Iterator[bytes]:
    """The lines of a text, with their ends."""
    with text.path.open("rb") as file:
        file.seek(text.start)
        left, mark = text.size_bytes, BOM if text.start == 0 else b""
        while left and (line := file.readline(left)):
            left -= len(line)
            yield line.removeprefix(mark)
            mark = b""


def whole(path: Path, errors: Errors = "strict") -> Text:
    """All of a plain file as a Text."""
    return Text(path, 0, path.stat().st_size, errors)

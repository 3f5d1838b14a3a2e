"""n-grams of a tokenizer's tokens: how these are spelt as words, and a model built of texts that it cuts."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ostinato.data.text_file import Text
from ostinato.lm.ngram.build import Estimate, build
from ostinato.progress import OnProgress, silent
from ostinato.text.tokenizers import END, UNKNOWN, Tokenizer

RESERVED = ("<s>", END, UNKNOWN)


def words_of(tokenizer: Tokenizer) -> list[str]:
    """A word for each id, no two alike and none with white space: its text, where `<U+0020>` stands for a space.

    The boundary is `</s>` and the unknown `<unk>`; a text that several ids have, or that is one of these, is followed
    by `#` and the id.
    """
    texts = ["".join(map(_visible, text)) for text in tokenizer.pieces(np.arange(tokenizer.size))]
    times = Counter(texts)
    words = [
        text if text and times[text] == 1 and text not in RESERVED else f"{text}#{number}"
        for number, text in enumerate(texts)
    ]
    words[tokenizer.eos] = END
    if tokenizer.unknown is not None:
        words[tokenizer.unknown] = UNKNOWN
    return words


def build_of_tokens(
    texts: Sequence[Text], tokenizer: Tokenizer, order: int, *, progress: OnProgress = silent, **options: Any
) -> Estimate:
    """`build` with each text one long sentence of tokens, which is held in memory; options are those of `build`.

    The model keeps the tokenizer's sha256. Raises DataError for what is not UTF-8, and as `build` does.
    """
    words = words_of(tokenizer)
    places = np.delete(np.arange(tokenizer.size), tokenizer.eos)
    known = [words[token] for token in places]
    # A text may hold the boundary nowhere, so the ids after it move up by one.
    sentences = (ids - (ids > tokenizer.eos) for ids in _ids(texts, tokenizer, progress))
    sha256 = hashlib.sha256(tokenizer.to_json().encode()).hexdigest()
    return build(sentences, order, vocabulary=known, reserved="unknown", tokenizer=sha256, progress=progress, **options)


def sidecar(path: Path) -> Path:
    """Where the tokenizer.json of an n-gram file stands."""
    return path.with_name(f"{path.name}.tokenizer.json")


def _ids(texts: Sequence[Text], tokenizer: Tokenizer, progress: OnProgress) -> Iterator[npt.NDArray[Any]]:
    dtype = np.promote_types(tokenizer.dtype, np.int8)  # signed, for the subtraction
    for text in texts:
        reader = tokenizer.incremental_encoder()

        def told(done: int, total: int, name: str = text.path.name) -> None:
            progress(f"tokenize {name}", done, total)

        found = [reader.read(piece).astype(dtype, copy=False) for piece in text.pieces(told)]
        yield np.concatenate([*found, reader.read("", final=True).astype(dtype, copy=False)])


def _visible(character: str) -> str:
    return f"<U+{ord(character):04X}>" if character.isspace() or not character.isprintable() else character

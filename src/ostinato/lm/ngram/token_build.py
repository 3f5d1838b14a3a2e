"""n-grams of tokens: the words that stand for a tokenizer's tokens, and a model built of tokenized texts."""

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
    """A different word without white space for each id: its text, with `<U+0020>` for a space.

    The boundary is `</s>` and the unknown token `<unk>`. The text of several ids, or one of these two, gets `#` and the
    id at its end.
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
    """`build` with each text as one sentence of tokens, in memory; `options` are those of `build`.

    The model stores the tokenizer's sha256. Raises DataError for a text that is not UTF-8, and as `build` does.
    """
    words = words_of(tokenizer)
    places = np.delete(np.arange(tokenizer.size), tokenizer.eos)
    known = [words[token] for token in places]
    # The boundary is not a word of a sentence, so the ids above it are one smaller among the words.
    sentences = (ids - (ids > tokenizer.eos) for ids in _ids(texts, tokenizer, progress))
    sha256 = hashlib.sha256(tokenizer.to_json().encode()).hexdigest()
    return build(sentences, order, vocabulary=known, reserved="unknown", tokenizer=sha256, progress=progress, **options)


def sidecar(path: Path) -> Path:
    """The path of the tokenizer.json beside an n-gram file."""
    return path.with_name(f"{path.name}.tokenizer.json")


def _ids(texts: Sequence[Text], tokenizer: Tokenizer, progress: OnProgress) -> Iterator[npt.NDArray[Any]]:
    dtype = np.promote_types(tokenizer.dtype, np.int8)  # signed, for the subtraction
    for text in texts:
        reader = tokenizer.incremental_encoder()

        def report(done: int, total: int, name: str = text.path.name) -> None:
            progress(f"tokenize {name}", done, total)

        ids = [reader.read(piece).astype(dtype, copy=False) for piece in text.pieces(report)]
        yield np.concatenate([*ids, reader.read("", final=True).astype(dtype, copy=False)])


def _visible(character: str) -> str:
    return f"<U+{ord(character):04X}>" if character.isspace() or not character.isprintable() else character

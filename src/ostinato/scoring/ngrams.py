"""n-gram files as text models: of words between white space, or of a tokenizer's tokens."""

import hashlib
import tempfile
from functools import cached_property
from pathlib import Path

import numpy as np

from ostinato.data.text_file import Text
from ostinato.errors import BundleError, DataError
from ostinato.files import replacing
from ostinato.lm.ngram import NGram
from ostinato.lm.ngram.token_build import sidecar, words_of
from ostinato.lm.ngram.vocabulary import BEGIN
from ostinato.lm.ngram.word_log_probs import WordLogProbs
from ostinato.progress import OnProgress, silent
from ostinato.scoring.base import TextScorer, TokenScorer, every_line, whole
from ostinato.scoring.token_scores import ScoringConditions, TokenScores
from ostinato.text.tokenizers import Tokenizer
from ostinato.text.tokenizers import load as load_tokenizer

BY_LINES = "one </s> after each line, predicted"
WHITE_SPACE = "words between white space"
NATS = float(np.log(10))


class WordNGramScorer(TextScorer):
    """An n-gram model of words; each line with a word in it is a sentence between <s> and </s>."""

    def __init__(self, path: Path, ngram: NGram):
        super().__init__(path, None)
        self.ngram = ngram

    @property
    def distribution(self) -> bool:
        """As its file says."""
        return self.ngram.distribution

    @cached_property
    def words(self) -> list[str]:  # type: ignore[override]
        """Every word but <s>, which is never predicted."""
        return sorted(word for word in self.ngram.vocabulary if word != BEGIN)

    @cached_property
    def lm(self) -> NGram:
        """Over `words`."""
        return self.ngram.over(self.words)

    def read(self, text: Text, progress: OnProgress = silent, probabilities: bool = True) -> TokenScores:
        """Sentence by sentence. Characters are of the words, single spaces between them, and a line's end."""
        if probabilities:
            checked_distribution(self.path, self.ngram)
        return cut_lines(text, self.scores(text, progress))

    def scores(self, text: Text, progress: OnProgress = silent) -> WordLogProbs:
        """Of each word and </s>, in the file's own terms."""
        if text == whole(text.path, text.errors):
            return self.ngram.score_file(text.path, progress=progress)
        with tempfile.NamedTemporaryFile(prefix="ostinato-") as part:
            part.writelines(every_line(text))
            part.flush()
            return self.ngram.score_file(part.name, progress=progress)


class TokenNGramScorer(TokenScorer):
    """An n-gram model of a tokenizer's tokens."""

    def __init__(self, path: Path, ngram: NGram, tokenizer: Tokenizer):
        self.ngram = ngram.over(words_of(tokenizer))
        super().__init__(path, tokenizer, self.ngram)

    @property
    def distribution(self) -> bool:
        """As its file says."""
        return self.ngram.distribution

    def read(self, text: Text, progress: OnProgress = silent, probabilities: bool = True) -> TokenScores:
        """As every model of tokens."""
        if probabilities:
            checked_distribution(self.path, self.ngram)
        return super().read(text, progress, probabilities)


def open_ngram(path: Path, progress: OnProgress = silent) -> TextScorer:
    """The model of an n-gram file, frozen or ARPA, with the tokenizer that stands beside it, if it is of tokens.

    All of it is read once. Raises BundleError where the tokenizer is missing or another, or the file is damaged;
    DataError for a bad ARPA file.
    """
    ngram, beside = NGram.load(path, progress=progress), sidecar(path)
    ngram.verify()
    of_words = ngram.facts and ngram.tokenizer is None  # of an ARPA file nothing is known, and what stands beside tells
    if of_words or not beside.exists():
        if ngram.tokenizer is not None:
            raise BundleError(f"{path}: it is of a tokenizer's tokens, and {beside} is not there; put it back")
        return WordNGramScorer(path, ngram)
    text = beside.read_text("utf-8")
    tokenizer = load_tokenizer(text)
    scorer = TokenNGramScorer(path, ngram, tokenizer)
    if ngram.tokenizer not in (None, scorer.identity):
        raise BundleError(f"{beside}: it is not the tokenizer that {path.name} was built with; put that one back")
    return scorer


def save_tokenizer(path: Path, tokenizer: Tokenizer) -> None:
    """Beside the n-gram file `path`."""
    with replacing(sidecar(path)) as file:
        file.write(tokenizer.to_json().encode())


def checked_distribution(path: Path, ngram: NGram) -> None:
    """Raises DataError for a model whose scores are no probabilities."""
    if not ngram.distribution:
        raise DataError(
            f"{path}: its smoothing, {smoothing_name(ngram)}, gives scores that are no distribution, so there is no "
            "perplexity; print the scores with --per word or --per sentence, or build it with another smoothing"
        )


def smoothing_name(ngram: NGram) -> str:
    """As the registry has it; "unknown" where the file does not say."""
    return str(ngram.facts.get("name", "unknown"))


def cut_lines(text: Text, scores: WordLogProbs) -> TokenScores:
    """The reading of a text whose tokens are the words of its lines.

    White space is what words stand between, so what was read is the text with single spaces, none at the ends of lines,
    and no line without a word: `corpus` is the sha256 of that, which is the text's own where it is written so. Raises
    DataError where a line is not UTF-8, or where the text has no word.
    """
    digest, counts = hashlib.sha256(), []
    for number, line in enumerate(every_line(text), 1):
        if words := line.split():
            line_bytes = b" ".join(words) + (b"\n" if line.endswith(b"\n") else b"")
            digest.update(line_bytes)
            try:
                counts.append((len(line_bytes.decode()), len(line_bytes)))
            except UnicodeDecodeError:
                raise DataError(f"{text.path}: line {number} is not UTF-8; convert the file first") from None
    if not counts:
        raise DataError(f"{text.path}: there is no word in it to score; name a text with words in it")
    characters, size_bytes = np.array(counts, np.int64).T
    return TokenScores(
        scores.log10 * NATS, scores.unknown, scores.ends, characters, size_bytes,
        ScoringConditions(digest.hexdigest(), WHITE_SPACE, False, "line", BY_LINES), scores.blank_lines,
    )  # fmt: skip

"""NGram: a frozen back-off model, which gives log-probabilities of words, texts and tokens.

log p(w | c) = log_prob(c w)                  where the model has c w
               backoff(c) + log p(w | c′)     where it has not; c′ is c without its first word
"""

import json
import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

import ostinato._core as _core
from ostinato.data.paths import readable_file
from ostinato.data.table.line_file import BOM
from ostinato.errors import BundleError, ConfigError, DataError
from ostinato.files import replacing
from ostinato.lm.ngram import files
from ostinato.lm.ngram.build import build
from ostinato.lm.ngram.files import Named, Quantize
from ostinato.lm.ngram.token_model import TokenNGram
from ostinato.lm.ngram.vocabulary import BEGIN, END, UNKNOWN, number_of, split_words, to_bytes, to_text
from ostinato.lm.ngram.word_log_probs import Context, WordLogProb, WordLogProbs, concatenated, word_log_probs
from ostinato.progress import OnProgress, silent

if TYPE_CHECKING:
    from torch import Tensor

    from ostinato.padded import Padded
else:  # torch is not imported for what only reads text, so annotations cannot name its types when they run
    Tensor = Padded = Any

State: TypeAlias = tuple[Any, ...]

BLOCK_BYTES = 64 << 20

log = logging.getLogger(__name__)


class NGram:
    """A LanguageModel over tokens, and a scorer of text whose words are between white space.

    Without `tokens`, tokens are the numbers of the model's own words. With it, `tokens[i]` is the word of token i; one
    is `</s>`, the model's `eos`; tokens that the model does not know share the probability of `<unk>`. If all are known
    and none is `<unk>`, the distribution is normalized over the tokens; otherwise words without a token keep their
    probability. After `</s>` a new sentence starts. Raises ConfigError for `tokens` without exactly one `</s>`.
    """

    def __init__(self, model: Any, *, tokens: Sequence[str] | None = None, path: Path | None = None):
        self._model, self._path, self._words = model, path, tuple(tokens) if tokens is not None else None
        self.order: int = model.order
        self.counts: tuple[int, ...] = tuple(model.count(n) for n in range(1, self.order + 1))
        self.distribution: bool = model.distribution
        self.smoothing: str = model.smoothing.decode("utf-8", "replace")
        self.quantize: Quantize = 8 if model.value_bits == 8 else None
        self._tokens = TokenNGram(model, self._words)
        self.size, self.eos = self._tokens.size, self._tokens.eos

    @classmethod
    def train(cls, sentences: Iterable[str | Sequence[str]], order: int, **options: Any) -> "NGram":
        """The model of sentences: each a text of words between ASCII whitespace, or a sequence of words.

        `options` are those of `build` (`smoothing`, `prune`, `vocabulary`, …), which counts, smooths and raises as it
        says; its notes are logged as warnings. Raises ConfigError for a single text in the place of the sentences.
        """
        if isinstance(sentences, (str, bytes)):
            raise ConfigError("NGram.train: sentences is one text; give a list of sentences, or a file's name to build")
        words = (split_words(each) if isinstance(each, str) else each for each in sentences)
        estimate = build(words, order, **options)
        for note in estimate.notes:
            log.warning("n-gram model: %s", note)
        return cls.of(estimate.grams)

    @classmethod
    def load(cls, path: Named, *, tokens: Sequence[str] | None = None, progress: OnProgress = silent) -> "NGram":
        """A frozen file, mapped as it is, or an ARPA file (see `read_arpa`).

        Only the header of a frozen file is checked; `verify` reads all of it. Raises BundleError for a damaged frozen
        file, DataError for a file that cannot be read or an ARPA file with an error.
        """
        name = Path(path)
        if files.is_frozen(name):
            return cls(files.mapped(name), tokens=tokens, path=name)
        return cls.of(files.read_arpa(name, progress=progress), tokens=tokens)

    @classmethod
    def of(cls, grams: files.Grams, *, tokens: Sequence[str] | None = None) -> "NGram":
        """The model of n-grams in order, such as `build(…).grams`, frozen in a temporary file.

        Raises ResourceError where the disk is full.
        """
        return cls(files.unnamed(grams), tokens=tokens)

    @classmethod
    def from_bytes(cls, frozen: bytes, tokens: Sequence[str] | None = None) -> "NGram":
        """The model whose frozen file has these bytes. Raises BundleError where they are damaged."""
        try:
            return cls(_core.NGramModel.from_bytes(frozen), tokens=tokens)
        except ValueError as error:
            raise BundleError(f"n-gram model: {error}; save it again") from error

    def over(self, tokens: Sequence[str]) -> "NGram":
        """The same model over other tokens, given by their words; nothing is copied."""
        return NGram(self._model, tokens=tokens, path=self._path)

    def save(self, path: Named, *, quantize: Quantize = None, progress: OnProgress = silent) -> None:
        """Write a frozen file; `quantize` and errors are those of `freeze`. A quantized model stays quantized."""
        if quantize == self.quantize or quantize is None:
            with replacing(Path(path)) as file:
                file.write(self._model.bytes())
        else:
            files.freeze(self.grams(), path, quantize=quantize, progress=progress)

    def grams(self) -> files.Grams:
        """The model's n-grams in order, in memory: for `write_arpa`, `pruned` and `freeze`."""
        return self._model.thaw()

    def verify(self) -> None:
        """Read the whole model. Raises BundleError where it is damaged."""
        try:
            self._model.verify()
        except ValueError as error:
            raise BundleError(f"{self._path or 'n-gram model'}: {error}; build it again, or fetch it again") from error

    def __reduce__(self) -> tuple[Any, ...]:
        if self._path is not None:
            return _loaded, (str(self._path.absolute()), self._words)
        return NGram.from_bytes, (self._model.bytes(), self._words)

    # Words and texts

    @cached_property
    def vocabulary(self) -> tuple[str, ...]:
        """The words in the order of their numbers; `<unk>`, `<s>` and `</s>` are the first."""
        return tuple(to_text(self._model.word(number)) for number in range(self._model.words))

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What the file says of the model's origin: the name and options of its smoothing, and `tokenizer`."""
        try:
            facts = json.loads(self.smoothing)
        except ValueError:
            return {}
        return facts if isinstance(facts, dict) else {}

    @property
    def tokenizer(self) -> str | None:
        """The sha256 of the tokenizer.json whose tokens the words are; None where words are between white space."""
        return self.facts.get("tokenizer")

    def number(self, word: str) -> int:
        """The number of a word; that of `<unk>` for a word that the model does not have."""
        return number_of(self._model, word)

    def __contains__(self, word: object) -> bool:
        return isinstance(word, str) and (word == UNKNOWN or self.number(word) != 0)

    def __repr__(self) -> str:
        kind = f", {self.quantize} bits" if self.quantize else ""
        return f"NGram(order {self.order}, {', '.join(f'{count:,}' for count in self.counts)} n-grams{kind})"

    def look(self, word: str, context: Context = (BEGIN,)) -> WordLogProb:
        """log10 p(word | context), and the context after it; equal contexts are followed by equal probabilities."""
        number = self.number(word)
        before = [self.number(each) for each in context][-(self.order - 1) :] if self.order > 1 else []
        history = self._tokens.aligned(before)
        row = np.array([[number]], np.uint32)
        log10, lengths, contexts = self._model.score_rows(history, row, np.ones(1, np.int64), 1)
        # After </s> a sentence starts, so its place among the last words is that of <s>.
        last = [*context, BEGIN if word == END else word]
        after = tuple(each if each in self else UNKNOWN for each in last[len(last) - int(contexts[0]) :])
        return WordLogProb(float(log10[0, 0]), int(lengths[0, 0]), number == 0, after)

    def full_scores(self, text: str, *, begin: bool = True, end: bool = True) -> list[WordLogProb]:
        """The answer for each word of a sentence; `begin` puts it after `<s>`, `end` adds `</s>`."""
        context: Context = (BEGIN,) if begin else ()
        answers: list[WordLogProb] = []
        words = [UNKNOWN if word in (BEGIN, END) else word for word in split_words(text)]
        for word in [*words, *([END] if end else [])]:
            answers.append(self.look(word, context))
            context = answers[-1].context
        return answers

    def score_texts(
        self, texts: Iterable[str], *, begin: bool = True, end: bool = True, threads: int | None = None
    ) -> WordLogProbs:
        """The answers for sentences, each a text of words between ASCII white space; see `full_scores`.

        `<s>`, `</s>` and `<unk>` in a text count as unknown words. `threads` is by default that of the machine.
        """
        raw = [to_bytes(text) for text in texts]
        return word_log_probs(self._model.score_texts(raw, begin, end, threads or _threads()))

    def score_file(self, path: Named, *, threads: int | None = None, progress: OnProgress = silent) -> WordLogProbs:
        """The answers for a text file, plain or compressed: a sentence a line; lines without a word are left out.

        Raises DataError where the file cannot be read.
        """
        name = readable_file(Path(path))
        size = name.stat().st_size
        blocks: list[tuple[Any, ...]] = []
        with name.open("rb") as packed, files.unpacked(packed) as file:
            rest = b""
            try:
                while block := file.read(BLOCK_BYTES):
                    block = rest + block if rest else block if blocks else block.removeprefix(BOM)
                    whole = block.rfind(b"\n") + 1
                    rest = block[whole:]
                    if whole:
                        lines = block[:whole] if rest else block
                        blocks.append(self._model.score_lines(lines, threads or _threads()))
                    progress(f"score {name.name}", packed.tell(), size)
            except files.PACKED as error:
                raise DataError(f"{name}: it cannot be decompressed ({error}); fetch it again") from error
            if rest or not blocks:
                blocks.append(self._model.score_lines(rest, threads or _threads()))
        return concatenated([word_log_probs(each) for each in blocks])

    # Tokens: ostinato.lm.protocol.LanguageModel

    def start(self, owner: Tensor) -> State:
        """[N order − 1]: the last tokens, the latest at the end, −1 where there is none; `eos` starts a text."""
        return self._tokens.start(owner)

    def log_probs(self, state: State) -> Tensor:
        """[N V]: ln p(token | state)."""
        return self._tokens.log_probs(state)

    def advance(self, state: State, tokens: Tensor) -> State:
        """The state after one more token a row [N], shortened to what the model can use."""
        return self._tokens.advance(state, tokens)

    def token_log_probs(self, tokens: Padded, state: State) -> tuple[Tensor, State]:
        """[N T]: ln p of each token given those before it, 0 in the padding; and the state after each row's last."""
        return self._tokens.token_log_probs(tokens, state)

    def read(self, tokens: Padded, state: State) -> State:
        """The state after each row's last token of [N T], as after `token_log_probs`."""
        from ostinato.lm.protocol import advanced  # which imports torch

        return advanced(self, tokens, state)

    def log_probs_of(self, state: State, candidates: Tensor) -> Tensor:
        """[N K]: ln p(candidate | state)."""
        return self._tokens.log_probs_of(state, candidates)

    def along(self, chunks: Iterable[npt.NDArray[Any]]) -> Iterator[npt.NDArray[np.float64]]:
        """[T] of each chunk [T] of a text in tokens, cut anywhere: ln p of each after all before it."""
        return self._tokens.along(chunks)

    def attention(self, state: State) -> None:
        """None: there is no source to attend to."""


def _loaded(path: str, tokens: Sequence[str] | None) -> NGram:
    return NGram.load(path, tokens=tokens)


def _threads() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

"""NGram: a frozen back-off model, asked for the log-probability of words, texts and tokens.

log p(w | c) = log_prob(c w)                  where the model has c w
               backoff(c) + log p(w | c′)     where it has not; c′ is c without its first word
"""

import json
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from ostinato import _core
from ostinato.data.paths import readable_file
from ostinato.data.table.line_file import BOM
from ostinato.errors import BundleError, DataError
from ostinato.files import replacing
from ostinato.lm.ngram import files
from ostinato.lm.ngram.files import Named, Quantize
from ostinato.lm.ngram.token_model import TokenNGram
from ostinato.progress import OnProgress, silent

if TYPE_CHECKING:
    from torch import Tensor

    from ostinato.padded import Padded
else:  # torch is not imported for what only reads text, so annotations cannot name its types when they run
    Tensor = Padded = Any

State: TypeAlias = tuple[Any, ...]
Context: TypeAlias = tuple[str, ...]

BEGIN, END, UNKNOWN = "<s>", "</s>", "<unk>"
BLOCK_BYTES = 64 << 20


class WordLogProb(NamedTuple):
    """Of a word: log10 p, how many words the longest n-gram has that ends with it, whether it is unknown, and the
    context after it: as many of the last words as the model can use."""

    log10: float
    length: int
    unknown: bool
    context: Context


class WordLogProbs(NamedTuple):
    """Of T words in S sentences, </s> among them: log10 p [T], how many words the longest n-gram has that ends with
    each [T], whether it is unknown [T], where each sentence ends [S], and how many lines had no word."""

    log10: npt.NDArray[np.float64]
    lengths: npt.NDArray[np.uint8]
    unknown: npt.NDArray[np.bool_]
    ends: npt.NDArray[np.int64]
    blank_lines: int = 0

    @property
    def nats(self) -> float:
        """− Σ ln p."""
        return -float(self.log10.sum()) * math.log(10)

    def sentences(self) -> Iterator[slice]:
        """Where each sentence's words are."""
        start = 0
        for end in self.ends.tolist():
            yield slice(start, end)
            start = end


class NGram:
    """A LanguageModel over tokens, and a scorer of text whose words stand between white space.

    Without `tokens`, tokens are the model's own words by number. With it, `tokens[i]` is the word that token i stands
    for: one is `</s>`, the model's `eos`; those that the model does not know share the probability of `<unk>`. Where
    all are known and none is `<unk>`, a distribution is shared out among them alone; otherwise words that no token
    stands for keep their probability. After `</s>` comes what begins a sentence.
    """

    def __init__(self, model: Any, *, tokens: Sequence[str] | None = None, path: Path | None = None):
        self._model, self._path, self._words = model, path, tuple(tokens) if tokens is not None else None
        self.order: int = model.order
        self.counts: tuple[int, ...] = tuple(model.count(n) for n in range(1, self.order + 1))
        self.distribution: bool = model.distribution
        self.smoothing: str = model.smoothing.decode("utf-8", "replace")
        self.quantize: Quantize = 8 if model.value_bits == 8 else None
        self._tokens = TokenNGram(self, self._words)
        self.size, self.eos = self._tokens.size, self._tokens.eos

    @classmethod
    def load(cls, path: Named, *, tokens: Sequence[str] | None = None, progress: OnProgress = silent) -> "NGram":
        """A frozen file, mapped as it is, or an ARPA file (see `read_arpa`).

        Of a frozen file only the header is checked; `verify` reads it all. Raises BundleError or DataError.
        """
        name = Path(path)
        if files.is_frozen(name):
            return cls(files.mapped(name), tokens=tokens, path=name)
        return cls.of(files.read_arpa(name, progress=progress), tokens=tokens)

    @classmethod
    def of(cls, grams: files.Grams, *, tokens: Sequence[str] | None = None) -> "NGram":
        """The model of n-grams in order, such as `build(…).grams`, frozen in a temporary file."""
        return cls(files.unnamed(grams), tokens=tokens)

    @classmethod
    def from_bytes(cls, frozen: bytes, tokens: Sequence[str] | None = None) -> "NGram":
        """The model whose frozen file has these bytes. Raises BundleError."""
        try:
            return cls(_core.NGramModel.from_bytes(frozen), tokens=tokens)
        except ValueError as error:
            raise BundleError(f"n-gram model: {error}; save it again") from error

    def over(self, tokens: Sequence[str]) -> "NGram":
        """The same model, seen through the words that tokens stand for."""
        return NGram(self._model, tokens=tokens, path=self._path)

    def save(self, path: Named, *, quantize: Quantize = None, progress: OnProgress = silent) -> None:
        """Write a frozen file; see `freeze` for `quantize`. A quantized model stays one."""
        if quantize == self.quantize or quantize is None:
            with replacing(Path(path)) as file:
                file.write(self._model.bytes())
        else:
            files.freeze(self.grams(), path, quantize=quantize, progress=progress)

    def grams(self) -> files.Grams:
        """The model's n-grams in order, in memory: for `write_arpa`, `pruned` and `freeze`."""
        return self._model.thaw()

    def verify(self) -> None:
        """Read the whole model. Raises BundleError where it is not as it was written."""
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
        """Every word by its number; `<unk>`, `<s>` and `</s>` are the first."""
        return tuple(_text(self._model.word(number)) for number in range(self._model.words))

    @cached_property
    def facts(self) -> dict[str, Any]:
        """How the model was made, as far as its file says: the smoothing's name and options, and `tokenizer`."""
        try:
            found = json.loads(self.smoothing)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def tokenizer(self) -> str | None:
        """The sha256 of the tokenizer.json whose tokens the words are; None where words stand between white space."""
        return self.facts.get("tokenizer")

    def number(self, word: str) -> int:
        """Of a word of the vocabulary; that of `<unk>` for every other."""
        return (UNKNOWN, BEGIN, END).index(word) if word in (BEGIN, END) else int(self._model.find(_bytes(word)))

    def __contains__(self, word: object) -> bool:
        return isinstance(word, str) and (word == UNKNOWN or self.number(word) != 0)

    def __repr__(self) -> str:
        kind = f", {self.quantize} bits" if self.quantize else ""
        return f"NGram(order {self.order}, {', '.join(f'{count:,}' for count in self.counts)} n-grams{kind})"

    def look(self, word: str, context: Context = (BEGIN,)) -> WordLogProb:
        """log10 p(word | context), and the context after it; equal contexts go on equally."""
        number = self.number(word)
        before = [self.number(each) for each in context][-(self.order - 1) :] if self.order > 1 else []
        history = self._tokens.aligned(before)
        row = np.array([[number]], np.uint32)
        log10, lengths, contexts = self._model.score_rows(history, row, np.ones(1, np.int64), 1)
        # After </s> comes <s>, whose place is that of </s> among the last words.
        last = [*context, BEGIN if word == END else word]
        after = tuple(each if each in self else UNKNOWN for each in last[len(last) - int(contexts[0]) :])
        return WordLogProb(float(log10[0, 0]), int(lengths[0, 0]), number == 0, after)

    def full_scores(self, text: str, *, begin: bool = True, end: bool = True) -> list[WordLogProb]:
        """Of each word of a sentence; `begin` puts it after `<s>`, `end` adds `</s>`."""
        context: Context = (BEGIN,) if begin else ()
        found = []
        words = [UNKNOWN if word in (BEGIN, END) else word for word in map(_text, _bytes(text).split())]
        for word in [*words, *([END] if end else [])]:
            found.append(self.look(word, context))
            context = found[-1].context
        return found

    def score_texts(
        self, texts: Iterable[str], *, begin: bool = True, end: bool = True, threads: int | None = None
    ) -> WordLogProbs:
        """Of sentences, each a text of words between ASCII white space; see `full_scores`.

        `<s>`, `</s>` and `<unk>` in a text are words that the model does not know.
        """
        given = [_bytes(text) for text in texts]
        return _scores(self._model.score_texts(given, begin, end, threads or _threads()))

    def score_file(self, path: Named, *, threads: int | None = None, progress: OnProgress = silent) -> WordLogProbs:
        """Of a text file, plain or compressed, a sentence a line; lines without a word are dropped and counted.

        Raises DataError where the file cannot be read.
        """
        name = readable_file(Path(path))
        size = name.stat().st_size
        found: list[tuple[Any, ...]] = []
        with name.open("rb") as packed, files.unpacked(packed) as file:
            rest = b""
            try:
                while block := file.read(BLOCK_BYTES):
                    block = rest + block if rest else block if found else block.removeprefix(BOM)
                    whole = block.rfind(b"\n") + 1
                    rest = block[whole:]
                    if whole:
                        lines = block[:whole] if rest else block
                        found.append(self._model.score_lines(lines, threads or _threads()))
                    progress(f"score {name.name}", packed.tell(), size)
            except files.PACKED as error:
                raise DataError(f"{name}: it cannot be decompressed ({error}); fetch it again") from error
            if rest or not found:
                found.append(self._model.score_lines(rest, threads or _threads()))
        return _joined([_scores(each) for each in found])

    # Tokens: ostinato.lm.protocol.LanguageModel

    def start(self, owner: Tensor) -> State:
        """[N order − 1]: the last tokens, the latest at the end, −1 where there is none; `eos` where a text begins."""
        return self._tokens.start(owner)

    def log_probs(self, state: State) -> Tensor:
        """[N V]: ln p(token | state)."""
        return self._tokens.log_probs(state)

    def advance(self, state: State, tokens: Tensor) -> State:
        """The state after a token a row, shortened to what the model can use."""
        return self._tokens.advance(state, tokens)

    def token_log_probs(self, tokens: Padded, state: State) -> tuple[Tensor, State]:
        """[N T]: ln p of each token after those before it, 0 in the padding; and the state after each row's last."""
        return self._tokens.token_log_probs(tokens, state)

    def read(self, tokens: Padded, state: State) -> State:
        """The state after each row's last token, as after `score`."""
        from ostinato.lm.protocol import moved  # which imports torch

        return moved(self, tokens, state)

    def log_probs_of(self, state: State, candidates: Tensor) -> Tensor:
        """[N K]: ln p(candidate | state)."""
        return self._tokens.log_probs_of(state, candidates)

    def along(self, chunks: Iterable[npt.NDArray[Any]]) -> Iterator[npt.NDArray[np.float64]]:
        """[T] of each chunk [T] of a text in tokens, cut anywhere: ln p of each after all before it."""
        return self._tokens.along(chunks)

    def attention(self, state: State) -> None:
        """There is no source to look at."""


def _loaded(path: str, tokens: Sequence[str] | None) -> NGram:
    return NGram.load(path, tokens=tokens)


def _threads() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _scores(found: tuple[Any, ...]) -> WordLogProbs:
    log10, lengths, unknown, ends, blank = found
    return WordLogProbs(log10, lengths, unknown.view(np.bool_), ends.view(np.int64), blank)


def _joined(parts: list[WordLogProbs]) -> WordLogProbs:
    if len(parts) == 1:
        return parts[0]
    offsets = np.cumsum([0, *(len(part.log10) for part in parts[:-1])])
    return WordLogProbs(
        np.concatenate([part.log10 for part in parts]),
        np.concatenate([part.lengths for part in parts]),
        np.concatenate([part.unknown for part in parts]),
        np.concatenate([part.ends + offset for part, offset in zip(parts, offsets)]),
        sum(part.blank_lines for part in parts),
    )

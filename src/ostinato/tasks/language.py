"""Language modelling: p(x) = Π p(x_t | x_<t), learnt from contiguous text with the state carried along."""

import contextlib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ostinato.data.batching.base import Batches, Example, TokenWindow
from ostinato.data.batching.contiguous import ContiguousBatches
from ostinato.data.splits import DataSplits
from ostinato.data.text_file import Text
from ostinato.data.token_file import TokenFile
from ostinato.errors import ConfigError, DataError
from ostinato.lm.baselines import BigramBaseline, UniformBaseline, UnigramBaseline
from ostinato.lm.protocol import language_models
from ostinato.metrics.base import Metric, Score, Stats
from ostinato.metrics.language import BitsPerByte, BitsPerCharacter, NatsPerCharacter, Perplexity, Reference
from ostinato.padded import Padded
from ostinato.registry import Count, Spec
from ostinato.scoring.score_tokens import score_tokens
from ostinato.state import State
from ostinato.tasks.base import Loss, OnBatch, carried, register, unreported
from ostinato.tasks.generative import GenerativeTask
from ostinato.tasks.language_stream import StreamTotals, SurprisalPredictor, TextReader
from ostinato.tasks.live import LiveTask
from ostinato.text.tokenizers import Tokenizer, tokenizers
from ostinato.text.tokenizers import load as load_tokenizer
from ostinato.wiring import Ports, Tokens, Wiring

ROWS = 16
"""Parallel stretches that a text is read in while training, where quick numbers are enough; and items predicted at
once."""
STEPS_AT_ONCE = 1024
"""Steps whose scores are held at once when texts are scored, however long they are."""
CHARACTER_ORDER, WORD_ORDER = 6, 3
"""The order of the n-gram that stands among the baselines: for characters and bytes, and for longer tokens."""

METRICS = (BitsPerCharacter, NatsPerCharacter, BitsPerByte, Perplexity)


class LanguageBatch(NamedTuple):
    """Tokens [B T] and, at each place, the token after it [B T]."""

    tokens: Padded
    targets: Padded
    keys: list[str]
    continues: Tensor


class TextLogProbs(NamedTuple):
    """Tokens [T], and the natural log-probability [T] of each given all before it."""

    tokens: npt.NDArray[np.int64]
    log_probs: npt.NDArray[np.float64]


@register("language", example={"bptt_steps": 8}, renamed={"steps": "bptt_steps"})
class LanguageTask(LiveTask[LanguageBatch, TextLogProbs], GenerativeTask[LanguageBatch, TextLogProbs]):
    """Predict the next token of a text.

    `bptt_steps` is how far the gradient goes back (truncated backpropagation through time; Williams and Peng, 1990),
    while the state goes on for ever.

    Options:
        tokenizer: how the text becomes tokens; not set: character.
        bptt_steps: steps that the gradient goes back; the state is carried on for ever.
    """

    split_type = Text
    example_recipe = {
        "data": {"name": "text", "text": "builtin:pydoc", "valid": 0.02},
        "model": {"name": "language", "embedding": 5, "cell": {"name": "gru", "hidden": 6}},
        "items": ["The import statement", "", "x", "a longer line than those before it"],
    }

    def __init__(self, tokenizer: Spec[Tokenizer] | None = None, bptt_steps: Count = 128):
        self.spec = tokenizer or tokenizers.spec({"name": "character"})
        self.bptt_steps = bptt_steps
        self.tokenizer: Tokenizer | None = None
        self.files: dict[str, TokenFile] = {}

    @property
    def unit(self) -> str:  # type: ignore[override]
        """What a token is, for progress and reports."""
        return self.spec.name

    def ports(self) -> Ports:
        """Tokens in, tokens out."""
        return Ports({"input": (Tokens,)}, {"output": (Tokens,)})

    def wiring(self) -> Wiring:
        """The tokenizer's vocabulary, in and out."""
        tokens = Tokens(self._tokens().size, self._tokens().eos)
        return Wiring({"input": tokens}, {"output": tokens})

    def prepare(self, splits: DataSplits[Text]) -> None:
        """Learn the tokenizer from the training text, and write every split as a file of token ids.

        Raises DataError for a text that cannot be read.
        """
        if self.tokenizer is None:
            self.tokenizer = self.spec.build()
            train = splits.splits["train"]
            self.tokenizer.train(train.pieces(lambda done, total: splits.progress("read the text", done, total)))
        for split, text in splits.splits.items():
            path = splits.folder / f"{split}.tokens"
            self.files[split] = TokenFile.build(text, self.tokenizer, path, splits.progress)

    def assets(self) -> dict[str, str]:
        """The tokenizer."""
        return {"tokenizer.json": self._tokens().to_json()}

    def restore(self, assets: Mapping[str, str]) -> None:
        """The tokenizer. Raises DataError where it is damaged."""
        self.tokenizer = load_tokenizer(assets["tokenizer.json"])

    def model(self, spec: Spec[nn.Module]) -> nn.Module:
        """A model over the tokenizer's vocabulary."""
        return spec.build(size=self._tokens().size, eos=self._tokens().eos)

    def batches(self, split: str, batch_size: int, seed: int, batch_tokens: int | None = None) -> Batches:
        """Contiguous streams; the order is the text's own, so `seed` changes nothing. Raises ConfigError for a
        `batch_tokens`: a batch here is `batch_size` rows of `bptt_steps` tokens."""
        if batch_tokens is not None:
            raise ConfigError(
                "train.batch_tokens: a text is read in train.batch_size rows of task.bptt_steps tokens; "
                "set those instead"
            )
        return ContiguousBatches(self._file(split), batch_size, self.bptt_steps)

    def evaluation_batches(self, split: str) -> Batches:
        """Up to 16 parallel stretches, one where the text is short: what quick evaluations read."""
        return ContiguousBatches(self._file(split), self._stretches(split), STEPS_AT_ONCE // 4)

    def metrics_for(self, split: str, quick: bool = False) -> tuple[Metric, ...]:
        """Bits and nats a character, bits a byte, perplexity a token, each naming the text; quick ones also say in how
        many stretches it was read."""
        counts, stretches = self._file(split).counts, self._stretches(split) if quick else 1
        conditions: dict[str, Any] = {"corpus": counts.text_sha256, "tokenizer": counts.tokenizer_sha256}
        if stretches > 1:
            conditions |= {"carried": False, "window": f"of {stretches} parallel stretches"}
        return tuple(kind(**conditions) for kind in METRICS)

    def statistics(
        self, model: nn.Module, split: str, progress: OnBatch = unreported, *, quick: bool = False
    ) -> list[Stats]:
        """[R 5] for each metric. Quick: in parallel stretches. Else the text is one row with its state carried, scored
        as every other language model is (`ostinato.scoring`), and R are contiguous stretches of it."""
        if quick and self._stretches(split) > 1:
            return super().statistics(model, split, progress, quick=quick)
        training = model.training
        try:
            scores = score_tokens(
                model.eval(), self._file(split), self._tokens(), lambda what, done, total: progress(done, total)
            )
        finally:
            model.train(training)
        return [scores.table()] * len(METRICS)

    def collate(self, examples: Sequence[Example]) -> LanguageBatch:
        """Windows to inputs and targets, one step apart."""
        windows: list[TokenWindow] = list(examples)  # type: ignore[arg-type]
        ids = Padded.of([torch.from_numpy(np.asarray(window.tokens, dtype=np.int64)) for window in windows])
        continues = torch.tensor([window.continues for window in windows], dtype=torch.bool)
        return LanguageBatch(
            Padded(ids.data[:, :-1], ids.lengths - 1), Padded(ids.data[:, 1:], ids.lengths - 1),
            [window.key for window in windows], continues,
        )  # fmt: skip

    def loss(self, model: nn.Module, batch: LanguageBatch, state: State | None) -> tuple[Loss, State | None]:
        """Nats over the real targets, and how many there are."""
        state, count = carried(model, batch, state), int(batch.targets.lengths.sum())
        if hasattr(model, "loss"):  # a model that knows a cheaper way than through all logits
            total, state = model.loss(batch.tokens, batch.targets, state)  # type: ignore[operator]
            return Loss(total, count), state
        logits, state = model(batch.tokens, state)
        targets = batch.targets.data.masked_fill(~batch.targets.mask, -100)
        total = nn.functional.cross_entropy(logits.data.flatten(0, 1), targets.flatten(), reduction="sum")
        return Loss(total, count), state

    def predict(
        self, model: nn.Module, batch: LanguageBatch, state: State | None = None, options: Any = None
    ) -> tuple[list[TextLogProbs], State | None]:
        """Each row's tokens with their log-probabilities; the logits of a few steps at a time are held."""
        state, parts = carried(model, batch, state), []
        for start in range(0, batch.tokens.steps, STEPS_AT_ONCE):
            lengths = (batch.tokens.lengths - start).clamp(0, STEPS_AT_ONCE)
            logits, state = model(Padded(batch.tokens.data[:, start : start + STEPS_AT_ONCE], lengths), state)
            targets = batch.targets.data[:, start : start + STEPS_AT_ONCE].unsqueeze(-1)
            parts.append(torch.log_softmax(logits.data, dim=-1).gather(-1, targets).squeeze(-1))
        log_probs = torch.cat(parts, dim=1) if parts else torch.zeros(len(batch.keys), 0)
        rows = Padded(log_probs.detach(), batch.targets.lengths).rows()
        return [
            TextLogProbs(tokens.numpy(), row.double().numpy()) for tokens, row in zip(batch.targets.rows(), rows)
        ], state

    def metric_input(self, prediction: TextLogProbs) -> npt.NDArray[np.float64]:
        """The log-probabilities [T]."""
        return prediction.log_probs

    def references(self, batch: LanguageBatch) -> list[Reference]:
        """How many tokens, characters and bytes each row stands for."""
        return [self._reference(row.numpy()) for row in batch.targets.rows()]

    def batches_of(self, items: Iterable[Any]) -> Iterator[LanguageBatch]:
        """Texts, sixteen at a time, each after a boundary. A single text is one item. Raises ConfigError for what is
        not a text."""
        texts, number = iter([items] if isinstance(items, str) else items), 0
        while group := list(islice(texts, ROWS)):
            windows = []
            for text in group:
                if not isinstance(text, str):
                    raise ConfigError(f"predict: item {number} is a {type(text).__name__}, not a text; pass strings")
                ids = np.concatenate([[self._tokens().eos], self._tokens().encode(text)]).astype(np.int64)
                windows.append(TokenWindow(ids, f"item {number}", continues=False))
                number += 1
            yield self.collate(windows)

    def to_record(self, prediction: TextLogProbs | StreamTotals) -> dict[str, Any]:
        """The text (where it was kept), its cost in nats, and that in bits a character."""
        if isinstance(prediction, StreamTotals):
            text, (characters, nats) = {}, prediction
        else:
            text = {"text": self._tokens().decode(prediction.tokens)}
            characters = self._tokens().count_characters(prediction.tokens)
            nats = -float(prediction.log_probs.sum())
        bits_per_character = nats / math.log(2) / characters if characters else None
        return {**text, "characters": characters, "nats": nats, "bits_per_character": bits_per_character}

    def baselines(self, split: str) -> dict[str, list[Score]]:
        """An n-gram model (order 6 over characters or bytes, else 3), pairs of tokens, single ones, and all alike;
        learnt from the training text. Where that is too short for an n-gram model's smoothing, there is none."""
        text, tokens = self._file("train"), self._tokens()
        sizes: dict[str, Any] = {"size": tokens.size, "eos": tokens.eos}
        order = CHARACTER_ORDER if self.spec.name in ("character", "byte") else WORD_ORDER
        models: dict[str, Any] = {}
        with contextlib.suppress(DataError):  # a few sentences do not tell its discounts
            table = {"name": "ngram", "order": order}
            models[f"{order}-gram"] = language_models.build(table, chunks=text.chunks(), **sizes)
        for name, kind in (("bigram", BigramBaseline), ("unigram", UnigramBaseline), ("uniform", UniformBaseline)):
            models[name] = kind.train(text.chunks(), **sizes)
        return {name: score_tokens(lm, self._file(split), tokens).scores() for name, lm in models.items()}

    def stream_reader(self) -> TextReader:
        """Bytes or text to token ids."""
        return TextReader(self._tokens())

    def stream_state(self, model: nn.Module) -> State:
        """After the boundary token."""
        return model.start(torch.zeros(1, dtype=torch.int64))  # type: ignore[operator, no-any-return]

    def stream_predictor(self, model: nn.Module, state: State) -> SurprisalPredictor:
        """The cost of each element, and what is likely next."""
        return SurprisalPredictor(self._tokens(), model.log_probs(state)[0])  # type: ignore[operator]

    def read_prompt(self, prompt: Any) -> npt.NDArray[Any]:
        """Ids [T] of a text. Raises ConfigError for anything else, DataError for a text that is not Unicode."""
        if not isinstance(prompt, str):
            raise ConfigError(f"prompt: it is a {type(prompt).__name__}, not a text; pass a string")
        return self._tokens().encode(prompt)

    def write(self, tokens: Iterable[int], prompt: npt.NDArray[Any]) -> Iterator[str]:
        """The text of the tokens as they come; what an id is written as may depend on the `prompt` [T] before it."""
        decoder = self._tokens().incremental_decoder()
        if len(prompt):
            decoder.write(prompt)
        for token in tokens:
            yield decoder.write(token)
        yield decoder.close()

    def _reference(self, ids: npt.NDArray[Any]) -> Reference:
        tokens = self._tokens()
        oov = int((ids == tokens.unknown).sum()) if tokens.unknown is not None else 0
        return Reference(ids, tokens.count_characters(ids), tokens.count_bytes(ids), oov)

    def _stretches(self, split: str) -> int:
        return max(1, min(ROWS, len(self._file(split)) // 4096))

    def _tokens(self) -> Tokenizer:
        if self.tokenizer is None:
            raise ConfigError("language task: it has no tokenizer yet; call prepare or restore first")
        return self.tokenizer

    def _file(self, split: str) -> TokenFile:
        if split not in self.files:
            have = ", ".join(self.files) or "none: call prepare"
            raise ConfigError(
                f"language task: there is no split '{split}' (it has {have}); set data.{split} to a share"
            )
        return self.files[split]

"""Language modelling: p(x) = Π p(x_t | x_<t), learnt from contiguous text with the state carried along."""

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ostinato.data.batching.base import Batches, Example, TokenWindow
from ostinato.data.batching.contiguous import ContiguousBatches
from ostinato.data.splits import DataSplits
from ostinato.data.token_file import TokenFile
from ostinato.errors import ConfigError
from ostinato.lm.baselines import BigramBaseline, UniformBaseline, UnigramBaseline
from ostinato.lm.protocol import LanguageModel, token_log_probs
from ostinato.metrics.base import Metric, Score, evaluate
from ostinato.metrics.language import BitsPerByte, BitsPerCharacter, NatsPerCharacter, Perplexity, Reference
from ostinato.padded import Padded
from ostinato.registry import Count, Spec
from ostinato.state import State
from ostinato.tasks.base import Loss, Partial, Task, carried, register
from ostinato.text.tokenizers import Tokenizer, tokenizers
from ostinato.text.tokenizers import load as load_tokenizer

ROWS = 16
"""Rows that a held-out text is read in: every model is judged with the same cuts."""
STEPS_AT_ONCE = 1024
"""Steps whose scores are held at once when texts are judged, however long they are."""
NEXT = 3
"""How many likely next elements a live stream shows."""


class LanguageBatch(NamedTuple):
    """Tokens [B T] and, at each place, the token after it."""

    tokens: Padded
    targets: Padded
    keys: list[str]
    continues: Tensor


class TextLogProbs(NamedTuple):
    """Tokens, and the natural log-probability of each given all before it."""

    tokens: np.ndarray
    log_probs: np.ndarray


class StreamTotals(NamedTuple):
    """What a live stream came to: it forgets the elements, so that it may go on for ever."""

    characters: int
    nats: float


@register("language", example={"bptt_steps": 8}, renamed={"steps": "bptt_steps"})
class LanguageTask(Task):
    """Predict the next token of a text; `bptt_steps` is how far the gradient goes back (truncated backpropagation
    through time; Williams and Peng, 1990), while the state goes on for ever."""

    def __init__(self, tokenizer: Spec[Tokenizer] | None = None, bptt_steps: Count = 128):
        self.spec = tokenizer or tokenizers.spec({"name": "character"})
        self.bptt_steps = bptt_steps
        self.tokenizer: Tokenizer | None = None
        self.files: dict[str, TokenFile] = {}

    @property
    def unit(self) -> str:
        """What a token is, for progress and reports."""
        return self.spec.name

    def prepare(self, corpora: DataSplits) -> None:
        """Learn the tokenizer from the training text, and lay every split down as a file of token ids."""
        if self.tokenizer is None:
            self.tokenizer = self.spec.build()
            self.tokenizer.train(
                corpora.splits["train"].pieces(lambda done, total: corpora.progress("read the text", done, total))
            )
        for split, text in corpora.splits.items():
            path = corpora.folder / f"{split}.tokens"
            self.files[split] = TokenFile.build(text, self.tokenizer, path, corpora.progress)

    def assets(self) -> dict[str, str]:
        """The tokenizer."""
        return {"tokenizer.json": self._tokens().to_json()}

    def restore(self, assets: Mapping[str, str]) -> None:
        """The tokenizer."""
        self.tokenizer = load_tokenizer(assets["tokenizer.json"])

    def model(self, spec: Spec[nn.Module]) -> nn.Module:
        """A model over the tokenizer's vocabulary."""
        return spec.build(size=self._tokens().size, eos=self._tokens().eos)

    def batches(self, split: str, rows: int, seed: int) -> Batches:
        """Contiguous streams; the order is the text's own, so `seed` changes nothing."""
        return ContiguousBatches(self._file(split), rows, self.bptt_steps)

    def evaluation_batches(self, split: str) -> Batches:
        """The same few rows for every model; one row where the text is short."""
        file = self._file(split)
        rows = max(1, min(ROWS, len(file) // 4096))
        return ContiguousBatches(file, rows, STEPS_AT_ONCE // 4)

    def metrics_for(self, split: str) -> tuple[Metric, ...]:
        """Bits and nats a character, bits a byte, perplexity a token, each naming the text."""
        counts = self._file(split).counts
        return tuple(
            kind(corpus=counts.text_sha256, tokenizer=counts.tokenizer_sha256)
            for kind in (BitsPerCharacter, NatsPerCharacter, BitsPerByte, Perplexity)
        )

    def collate(self, examples: Sequence[Example]) -> LanguageBatch:
        """Windows to inputs and targets, one step apart."""
        windows: list[TokenWindow] = list(examples)  # type: ignore[arg-type]
        ids = Padded.of([torch.from_numpy(np.asarray(window.tokens, dtype=np.int64)) for window in windows])
        continues = torch.tensor([window.continues for window in windows], dtype=torch.bool)
        return LanguageBatch(
            Padded(ids.data[:, :-1], ids.lengths - 1), Padded(ids.data[:, 1:], ids.lengths - 1),
            [window.key for window in windows], continues,
        )  # fmt: skip

    def loss(self, model: nn.Module, batch: LanguageBatch, state: State | None) -> tuple[Loss, State | None]:  # type: ignore[override]
        """Nats over the real targets, and how many there are."""
        state, count = carried(model, batch, state), int(batch.targets.lengths.sum())
        if hasattr(model, "loss"):  # a model that knows a cheaper way than through all scores
            total, state = model.loss(batch.tokens, batch.targets, state)  # type: ignore[operator]
            return Loss(total, count), state
        logits, state = model(batch.tokens, state)
        targets = batch.targets.data.masked_fill(~batch.targets.mask, -100)
        total = nn.functional.cross_entropy(logits.data.flatten(0, 1), targets.flatten(), reduction="sum")
        return Loss(total, count), state

    def predict(  # type: ignore[override]
        self, model: nn.Module, batch: LanguageBatch, state: State | None = None
    ) -> tuple[list[TextLogProbs], State | None]:
        """Each row's tokens with their log-probabilities; scores of a few steps at a time are held."""
        state, found = carried(model, batch, state), []
        for start in range(0, batch.tokens.steps, STEPS_AT_ONCE):
            lengths = (batch.tokens.lengths - start).clamp(0, STEPS_AT_ONCE)
            logits, state = model(Padded(batch.tokens.data[:, start : start + STEPS_AT_ONCE], lengths), state)
            targets = batch.targets.data[:, start : start + STEPS_AT_ONCE].unsqueeze(-1)
            found.append(torch.log_softmax(logits.data, dim=-1).gather(-1, targets).squeeze(-1))
        log_probs = torch.cat(found, dim=1) if found else torch.zeros(len(batch.keys), 0)
        rows = Padded(log_probs.detach().double(), batch.targets.lengths).rows()
        return [TextLogProbs(t.numpy(), p.numpy()) for t, p in zip(batch.targets.rows(), rows)], state

    def metric_input(self, prediction: TextLogProbs) -> np.ndarray:
        """The log-probabilities."""
        return prediction.log_probs

    def references(self, batch: LanguageBatch) -> list[Reference]:  # type: ignore[override]
        """How many tokens, characters and bytes each row stands for."""
        return [self._reference(row.numpy()) for row in batch.targets.rows()]

    def batches_of(self, items: Sequence[Any]) -> Iterator[LanguageBatch]:
        """Texts, sixteen at a time, each after a boundary."""
        for start in range(0, len(items), ROWS):
            windows = []
            for number, text in enumerate(items[start : start + ROWS], start):
                if not isinstance(text, str):
                    raise ConfigError(f"predict: item {number} is a {type(text).__name__}, not a text; pass strings")
                ids = np.concatenate([[self._tokens().eos], self._tokens().encode(text)]).astype(np.int64)
                windows.append(TokenWindow(ids, f"item {number}", continues=False))
            yield self.collate(windows)

    def to_record(self, prediction: TextLogProbs | StreamTotals) -> dict[str, Any]:
        """The text (where it was kept), its cost in nats, and what that is a character."""
        if isinstance(prediction, StreamTotals):
            text, (characters, nats) = {}, prediction
        else:
            text = {"text": self._tokens().decode(prediction.tokens)}
            characters = self._tokens().count_characters(prediction.tokens)
            nats = -float(prediction.log_probs.sum())
        return {
            **text,
            "characters": characters,
            "nats": nats,
            "bits_per_character": nats / float(np.log(2)) / characters if characters else None,
        }

    def judge(self, lm: LanguageModel, split: str) -> list[Score]:
        """Every metric of a split for any language model, read from start to end with its state carried."""
        file, metrics = self._file(split), self.metrics_for(split)
        state = lm.start(torch.zeros(1, dtype=torch.int64))
        stats: list[list[np.ndarray]] = [[] for _ in metrics]
        with torch.inference_mode():
            for start in range(1, len(file), STEPS_AT_ONCE):
                ids = np.asarray(file[start : start + STEPS_AT_ONCE], dtype=np.int64)
                log_probs, state = token_log_probs(lm, Padded.full(torch.from_numpy(ids).unsqueeze(0)), state)
                scored = TextLogProbs(ids, log_probs[0].double().numpy())
                for metric, rows in zip(metrics, stats):
                    rows.append(metric.stats(scored.log_probs, self._reference(ids)))
        return [evaluate(metric, rows) for metric, rows in zip(metrics, stats)]

    def baselines(self, split: str) -> dict[str, list[Score]]:
        """Characters by pairs, one by one, and all alike, counted in the training text."""
        text, tokens = self._file("train"), self._tokens()
        counted: dict[str, type[BigramBaseline] | type[UnigramBaseline] | type[UniformBaseline]]
        counted = {"bigram": BigramBaseline, "unigram": UnigramBaseline, "uniform": UniformBaseline}
        found = {name: kind.train(text.chunks(), tokens.size, tokens.eos) for name, kind in counted.items()}
        return {name: self.judge(lm, split) for name, lm in found.items()}

    def stream_reader(self) -> "TextReader":
        """Bytes or text to token ids."""
        return TextReader(self._tokens())

    def stream_state(self, model: nn.Module) -> State:
        """After the boundary token."""
        return model.start(torch.zeros(1, dtype=torch.int64))  # type: ignore[operator, no-any-return]

    def stream_predictor(self, model: nn.Module, opening: State) -> "SurprisalPredictor":
        """What each element cost, and what is likely next."""
        return SurprisalPredictor(self._tokens(), model.log_probs(opening)[0])  # type: ignore[operator]

    def _reference(self, ids: np.ndarray) -> Reference:
        tokens = self._tokens()
        oov = int((ids == tokens.unknown).sum()) if tokens.unknown is not None else 0
        return Reference(ids, tokens.count_characters(ids), tokens.count_bytes(ids), oov)

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


class TextReader:
    """Raw text to token ids; an unfinished character waits."""

    def __init__(self, tokenizer: Tokenizer):
        self._tokenizer, self._reader = tokenizer, tokenizer.incremental_encoder()

    def __copy__(self) -> "TextReader":
        """A reader that goes on from here by itself."""
        other = TextReader(self._tokenizer)
        other._reader = copy(self._reader)
        return other

    def read(self, chunk: bytes | str, final: bool = False) -> Tensor:
        """Ids [T] of the complete tokens."""
        return torch.from_numpy(np.asarray(self._reader.read(chunk, final), dtype=np.int64))


class SurprisalPredictor:
    """Says of each token how surprising it was and what is likely after it."""

    def __init__(self, tokenizer: Tokenizer, first: Tensor):
        self._tokenizer, self._expected = tokenizer, first
        self._heard = StreamTotals(0, 0.0)

    def advance(self, inputs: Tensor, outputs: Tensor) -> Partial:
        """Token ids [T] and the logits [T V] after each; one entry a token."""
        after = torch.log_softmax(outputs, dim=-1)
        before = torch.cat([self._expected.unsqueeze(0), after])[:-1]
        costs = before.gather(1, inputs.unsqueeze(1)).squeeze(1)
        likely = after.topk(min(NEXT, after.shape[-1]), dim=-1)
        self._expected = after[-1] if len(after) else self._expected
        pieces = self._tokenizer.pieces(inputs.numpy())
        characters = self._heard.characters + self._tokenizer.count_characters(inputs.numpy())
        self._heard = StreamTotals(characters, self._heard.nats - float(costs.double().sum()))
        return Partial(
            [
                {
                    "element": piece,
                    "nats": round(-cost, 6),
                    "next": [
                        [text, round(p, 6)] for text, p in zip(self._tokenizer.pieces(ids.numpy()), probs.tolist())
                    ],
                }
                for piece, cost, ids, probs in zip(pieces, costs.tolist(), likely.indices, likely.values.exp())
            ],
            [],
        )

    def finish(self) -> StreamTotals:
        """What it came to."""
        return self._heard

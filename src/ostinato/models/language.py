"""A recurrent language model (Mikolov et al., 2010): embed a token, fold it into the state, score the next one."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ostinato.cells import Cell
from ostinato.errors import ConfigError, StreamError
from ostinato.kernels import affine
from ostinato.layers import Dropout, Embedding, Recurrent, Residual, SequenceLayer, Stack
from ostinato.layers.base import alteration, as_module, nothing, started
from ostinato.layers.outputs import Full, Output, linear_cross_entropy
from ostinato.models.base import register
from ostinato.models.language_state import LanguageState
from ostinato.models.stepped import Stepped
from ostinato.padded import Padded
from ostinato.registry import Hidden, Layers, Share, Spec
from ostinato.shapes import LogProbs, Rows
from ostinato.state import State
from ostinato.wiring import Tokens, accepts

STEPS_A_TOKEN = 4
"""Steps of a batch for each token of the vocabulary from which on a product for each token is the cheaper way: x_t =
E[w_t], so the first cell's part W x_t + b depends on the token alone, and V products give what B · T would, with their
gradients."""


class Language(nn.Module):
    """p(next token | state). A SequenceLayer from ids [B T] to logits [B T V], those of step t for the token after it,
    and a LanguageModel for search (`ostinato.lm.protocol`).

    `output` is the last layer, `Full` by default. With `tied` the embedding is the last layer (Press and Wolf, 2017),
    behind a projection where the sizes differ.

    Raises ConfigError where `body` has a latency or a stride above 1, or where there are `tied` and an `output`.
    """

    latency: int | None = 0
    stride = 1
    takes_tokens = True

    def __init__(
        self, embedding: Embedding, body: SequenceLayer, tied: bool = False, output: Output | None = None, *, eos: int
    ):
        super().__init__()
        if body.latency != 0 or body.stride != 1:
            raise ConfigError(
                f"language model: {type(body).__name__} does not predict each token from those before it alone; take "
                "layers whose latency is 0 and whose stride is 1"
            )
        self.size, self.eos = embedding.inputs, eos
        self.inputs = self.outputs = embedding.inputs
        self.embedding, self.body = embedding, as_module(body)
        self.tied = tied
        if tied and output is not None:
            raise ConfigError("language model: it has both tied and an output; leave one of them out")
        self.head: nn.Linear | Output | None
        if not tied:
            self.head = output or Full(inputs=body.outputs, size=embedding.inputs)
        else:
            self.head = None if body.outputs == embedding.outputs else nn.Linear(body.outputs, embedding.outputs)
        self.bias = nn.Parameter(torch.zeros(embedding.inputs)) if tied else None

    def initial(self, batch: int) -> LanguageState:
        """The state of `batch` rows before any token."""
        weight = self.embedding.weight
        return LanguageState(weight.new_zeros(batch, self.body.outputs), self.body.initial(batch))

    def forward(self, x: Padded, state: State | None = None) -> tuple[Padded, LanguageState]:
        """Ids [B T] to logits [B T V] of the token after each. Raises StreamError where the state does not fit."""
        out, after = self._read(x, started(self, x, state))
        return out.map(self._logits), after

    def loss(self, x: Padded, targets: Padded, state: State | None = None) -> tuple[Tensor, LanguageState]:
        """Ids [B T] and the id after each -> the sum of what all guesses cost, in nats, and the state to go on from.

        What training descends: smoothed, or estimated, where the output layer is.
        """
        out, after = self._read(x, started(self, x, state), once_a_token=x.data.numel() >= STEPS_A_TOKEN * self.size)
        rows, ids = out.flat(), Padded(targets.data, out.lengths).flat()
        if self.tied:
            rows = rows if self.head is None else affine(rows, self.head.weight, self.head.bias)  # type: ignore[arg-type]
            return linear_cross_entropy(rows, self.embedding.weight, self.bias, ids), after
        return self.head.loss(rows, ids), after  # type: ignore[union-attr, operator]

    def finish(self, state: State) -> Padded:
        """No outputs: none wait."""
        return nothing(self.outputs)

    def start(self, owner: Rows) -> LanguageState:
        """A hypothesis for each of `owner` [N], after the boundary token `eos`."""
        return self.advance(self.initial(len(owner)), torch.full_like(owner, self.eos))

    def log_probs(self, state: LanguageState) -> LogProbs:
        """[N V]: log-probabilities of the next token, in nats."""
        return torch.log_softmax(self._logits(state.output), dim=-1)

    def advance(self, state: LanguageState, tokens: Rows) -> LanguageState:
        """The state of N rows after one more token each; tokens [N]."""
        return self._read(Padded(tokens.unsqueeze(1), torch.ones_like(tokens)), state)[1]

    def token_log_probs(self, tokens: Padded, state: LanguageState) -> tuple[Tensor, LanguageState]:
        """Tokens [N T] to their log-probabilities [N T] in nats (0 on padding), and the state after them."""
        out, after = self._read(tokens, state)
        before = torch.cat([state.output.unsqueeze(1), out.data], dim=1)[:, :-1]
        log_probs = torch.log_softmax(self._logits(before), dim=-1)
        of_tokens = log_probs.gather(-1, tokens.zeroed().data.unsqueeze(-1)).squeeze(-1)
        return of_tokens.masked_fill(~tokens.mask, 0.0), after

    def read(self, tokens: Padded, state: LanguageState) -> LanguageState:
        """The state after the tokens [N T], without their log-probabilities."""
        return self._read(tokens, state)[1]

    def searched(self) -> "Language | Stepped":
        """The model for a search: with its layers packed once for many steps where they can be, else itself."""
        if self.training or type(self) is not Language:
            return self
        try:
            return Stepped(self)
        except StreamError:
            return self

    def log_probs_of(self, state: LanguageState, candidates: Tensor) -> Tensor:
        """[N K]: log-probabilities, in nats, of `candidates` [N K] as the next token."""
        return self.log_probs(state).gather(-1, candidates)

    def attention(self, state: LanguageState) -> Tensor | None:
        """None: the model attends to no source."""
        return None

    def _read(self, tokens: Padded, state: State, once_a_token: bool = False) -> tuple[Padded, LanguageState]:
        output, layers = state
        cell = _first_cell(self.body) if once_a_token and alteration(self.embedding, Embedding) is None else None
        if cell is None:
            embedded, _ = self.embedding(tokens)
            out, layers = self.body(embedded, layers)
        else:
            out, layers = _read_tokens(self.body, cell, self.embedding.weight, tokens, layers)
        if out.steps == 0:
            return out, LanguageState(output, layers)
        last = (tokens.lengths - 1).clamp_min(0).reshape(-1, 1, 1).expand(-1, 1, out.data.shape[-1])
        latest = out.data.gather(1, last.to(out.data.device)).squeeze(1)
        has_steps = (tokens.lengths > 0).unsqueeze(1).to(out.data.device)
        return out, LanguageState(torch.where(has_steps, latest, output), layers)

    def _logits(self, output: Tensor) -> Tensor:
        if isinstance(self.head, Output):
            return self.head.logits(output)
        if self.head is not None:
            output = affine(output, self.head.weight, self.head.bias)
        if self.bias is not None:
            output = self.embedding.logits(output, self.bias)
        return output


def _first_cell(body: SequenceLayer) -> Cell | None:
    """The cell that reads the embedding, where it projects each step by itself; None where another layer reads it."""
    first = _layers(body)[0]
    if not isinstance(first, Recurrent) or alteration(first, Recurrent) is not None:
        return None
    kind = type(first.cell)
    return first.cell if (kind.project, kind.run) == (Cell.project, Cell.run) else None


def _read_tokens(body: SequenceLayer, cell: Cell, table: Tensor, tokens: Padded, state: State) -> tuple[Padded, State]:
    """As `body` over the embedded tokens: table [V D], ids [B T] -> [B T outputs] and the state after them."""
    rest = _layers(body)[1:]
    states = state if isinstance(body, Stack) else (state,)
    out, after = cell.run_tokens(table, tokens.zeroed().data, states[0], tokens.lengths)
    x, finals = Padded(out, tokens.lengths), [after]
    for layer, before in zip(rest, states[1:], strict=True):
        x, after = layer(x, before)
        finals.append(after)
    return x, tuple(finals) if isinstance(body, Stack) else finals[0]


def _layers(body: SequenceLayer) -> Sequence[SequenceLayer]:
    return list(body.layers) if isinstance(body, Stack) else [body]  # type: ignore[arg-type]


@register("language", example={"cell": {"name": "lstm", "hidden": 5}})
@accepts(inputs={"input": (Tokens,)}, outputs={"output": (Tokens,)})
def language(
    cell: Spec[Cell],
    layers: Layers = 1,
    embedding: Hidden = 64,
    dropout: Share = 0.0,
    input_dropout: Share = 0.0,
    residual: bool = False,
    tied: bool = False,
    output: Spec[Output] | None = None,
    *,
    size: int,
    eos: int,
) -> Language:
    """`layers` recurrent layers of one kind of cell over an embedding: ids [B T] to logits [B T size]. `dropout` stands
    after each layer, `input_dropout` after the embedding; `residual` puts a shortcut around every layer but the first.
    Raises ConfigError where the options do not fit one another. `size` counts tokens.

    Options:
        cell: the cell of every recurrent layer.
        layers: recurrent layers, one above another.
        embedding: numbers in the vector of each token.
        dropout: probability that an output of a recurrent layer is zeroed while training.
        input_dropout: probability that a number of the embedding is zeroed while training.
        residual: whether every layer but the first has a shortcut around it.
        tied: whether the output layer uses the embedding's weights.
        output: the output layer; not set: full.
    """
    table = Embedding(embedding, inputs=size)
    body: list[SequenceLayer] = [Dropout(input_dropout, inputs=embedding)] if input_dropout else []
    width = embedding
    for depth in range(layers):
        layer: SequenceLayer = Recurrent(cell.build(inputs=width))
        body.append(Residual(layer) if residual and depth else layer)
        width = layer.outputs
        if dropout:
            body.append(Dropout(dropout, inputs=width))
    head = None if output is None else output.build(inputs=width, size=size)
    return Language(table, Stack(body), tied, head, eos=eos)

"""LanguageModel: the distribution of the next token, as a step from state to state."""

from typing import Protocol, cast, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ostinato.padded import Padded
from ostinato.registry import Registry
from ostinato.shapes import LogProbs, Rows
from ostinato.state import State, where


@runtime_checkable
class Predictor(Protocol):
    """What a search needs of a model: `log_probs` of a state, then `advance` to the next. Logarithms are natural.

    `size` is the number of tokens V, `eos` the id of `</s>`.
    """

    size: int
    eos: int

    def start(self, owner: Rows) -> State:
        """The state of N hypotheses before the first token; `owner` [N] is the source row of each."""

    def log_probs(self, state: State) -> LogProbs:
        """[N V]: ln p(token | state) of every token."""

    def advance(self, state: State, tokens: Rows) -> State:
        """The state after one more token a row [N]; the old state does not change."""


@runtime_checkable
class LanguageModel(Predictor, Protocol):
    """p(next token | state). The state of an n-gram is its last n − 1 tokens, that of a network its hidden vectors.

    A subclass writes the three methods of a Predictor and inherits the others, or writes faster ones. The functions
    `token_log_probs`, `read` and `log_probs_of` of this module give the same for an object with only the three.
    """

    def token_log_probs(self, tokens: Padded, state: State) -> tuple[Float[Tensor, "N T"], State]:
        """[N T]: ln p of each token given those before it, 0 in the padding; and the state after each row's last."""
        return fold(self, tokens, state)

    def read(self, tokens: Padded, state: State) -> State:
        """The state after each row's last token of [N T], as after `token_log_probs`."""
        return advanced(self, tokens, state)

    def log_probs_of(self, state: State, candidates: Int[Tensor, "N K"]) -> Float[Tensor, "N K"]:
        """[N K]: ln p(candidate | state) of K candidates a row."""
        return self.log_probs(state).gather(1, candidates)

    def attention(self, state: State) -> Float[Tensor, "N S"] | None:
        """[N S]: the weights of the last step's attention to the S source positions; None without a source."""
        return None


def token_log_probs(lm: Predictor, tokens: Padded, state: State) -> tuple[Float[Tensor, "N T"], State]:
    """[N T], and the state after: the model's own `token_log_probs`, or `fold` where it has none."""
    own = getattr(lm, "token_log_probs", None)
    return cast("tuple[Tensor, State]", own(tokens, state)) if own is not None else fold(lm, tokens, state)


def read(lm: Predictor, tokens: Padded, state: State) -> State:
    """The state after tokens [N T]: the model's own `read`, or the fold of `advance` where it has none."""
    own = getattr(lm, "read", None)
    return cast("State", own(tokens, state)) if own is not None else advanced(lm, tokens, state)


def searched(lm: Predictor) -> Predictor:
    """A faster form of the model for many steps: its own `searched()`, or the model itself where it has none.

    States and results are the same while the weights do not change.
    """
    own = getattr(lm, "searched", None)
    return cast("Predictor", own()) if own is not None else lm


def log_probs_of(lm: Predictor, state: State, candidates: Int[Tensor, "N K"]) -> Float[Tensor, "N K"]:
    """[N K]: the model's own `log_probs_of`, or the columns of `log_probs` where it has none."""
    own = getattr(lm, "log_probs_of", None)
    return cast(Tensor, own(state, candidates)) if own is not None else lm.log_probs(state).gather(1, candidates)


def fold(lm: Predictor, tokens: Padded, state: State) -> tuple[Float[Tensor, "N T"], State]:
    """The definition of `token_log_probs` [N T]: `log_probs` and `advance`, one token at a time."""
    data, mask = tokens.zeroed().data, tokens.mask
    columns: list[Tensor] = []
    for t in range(tokens.steps):
        column = lm.log_probs(state).gather(1, data[:, t : t + 1]).squeeze(1)
        columns.append(torch.where(mask[:, t], column, 0))
        state = where(mask[:, t], lm.advance(state, data[:, t]), state)
    return (torch.stack(columns, dim=1) if columns else torch.zeros(data.shape)), state


def advanced(lm: Predictor, tokens: Padded, state: State) -> State:
    """The definition of `read`: `advance`, one token of [N T] at a time."""
    data, mask = tokens.zeroed().data, tokens.mask
    for t in range(tokens.steps):
        state = where(mask[:, t], lm.advance(state, data[:, t]), state)
    return state


language_models: Registry[LanguageModel] = Registry(LanguageModel, "language-model", "ostinato.lm")
register = language_models.register

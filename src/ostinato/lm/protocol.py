"""LanguageModel: a step over tokens that says what may come next."""

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
    """What search asks of a model: look (`log_probs`), then move (`advance`). Log-probabilities are natural."""

    size: int
    eos: int

    def start(self, owner: Rows) -> State:
        """The state before the first token, of len(owner) rows; owner says which source row each hypothesis is of."""

    def log_probs(self, state: State) -> LogProbs:
        """[N V]: ln p(token | state) of every token."""

    def advance(self, state: State, tokens: Rows) -> State:
        """The state after one more token a row; the old one stays as it was."""


@runtime_checkable
class LanguageModel(Predictor, Protocol):
    """p(next token | state). An n-gram's state is its last n − 1 tokens and a network's is its hidden
    vectors; nobody above needs to know which.

    A subclass writes the three methods of a Predictor and inherits the rest, or does better. The functions
    `token_log_probs`, `read` and `log_probs_of` of this module give the same for an object that has only the three.
    """

    def token_log_probs(self, tokens: Padded, state: State) -> tuple[Float[Tensor, "N T"], State]:
        """ln p of each token given those before it, 0 in the padding; and the state after each row's last token."""
        return fold(self, tokens, state)

    def read(self, tokens: Padded, state: State) -> State:
        """The state after each row's last token, as after `token_log_probs`."""
        return moved(self, tokens, state)

    def log_probs_of(self, state: State, candidates: Int[Tensor, "N K"]) -> Float[Tensor, "N K"]:
        """ln p(candidate | state)."""
        return self.log_probs(state).gather(1, candidates)

    def attention(self, state: State) -> Float[Tensor, "N S"] | None:
        """Where the last step looked in the source; None where there is nothing to look at."""
        return None


def token_log_probs(lm: Predictor, tokens: Padded, state: State) -> tuple[Float[Tensor, "N T"], State]:
    """The model's own `token_log_probs`, or the fold of `log_probs` and `advance` where it has none."""
    own = getattr(lm, "token_log_probs", None)
    return cast("tuple[Tensor, State]", own(tokens, state)) if own is not None else fold(lm, tokens, state)


def read(lm: Predictor, tokens: Padded, state: State) -> State:
    """The model's own `read`, or the fold of `advance` where it has none."""
    own = getattr(lm, "read", None)
    return cast("State", own(tokens, state)) if own is not None else moved(lm, tokens, state)


def searched(lm: Predictor) -> Predictor:
    """The same model, made ready for many steps: the model's own `searched()`, which has the same states and answers
    for as long as nobody trains it, or the model itself where it has none."""
    own = getattr(lm, "searched", None)
    return cast("Predictor", own()) if own is not None else lm


def log_probs_of(lm: Predictor, state: State, candidates: Int[Tensor, "N K"]) -> Float[Tensor, "N K"]:
    """The model's own `log_probs_of`, or a choice from `log_probs` where it has none."""
    own = getattr(lm, "log_probs_of", None)
    return cast(Tensor, own(state, candidates)) if own is not None else lm.log_probs(state).gather(1, candidates)


def fold(lm: Predictor, tokens: Padded, state: State) -> tuple[Float[Tensor, "N T"], State]:
    """The definition of `token_log_probs`: look and move, one token at a time."""
    data, mask = tokens.zeroed().data, tokens.mask
    found: list[Tensor] = []
    for t in range(tokens.steps):
        chosen = lm.log_probs(state).gather(1, data[:, t : t + 1]).squeeze(1)
        found.append(torch.where(mask[:, t], chosen, 0))
        state = where(mask[:, t], lm.advance(state, data[:, t]), state)
    return (torch.stack(found, dim=1) if found else torch.zeros(data.shape)), state


def moved(lm: Predictor, tokens: Padded, state: State) -> State:
    """The definition of `read`: move, one token at a time."""
    data, mask = tokens.zeroed().data, tokens.mask
    for t in range(tokens.steps):
        state = where(mask[:, t], lm.advance(state, data[:, t]), state)
    return state


language_models: Registry[LanguageModel] = Registry(LanguageModel, "language-model", "ostinato.lm")
register = language_models.register

"""Forbid and Force: tokens that may not occur, and tokens that must occur at a position."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ostinato.decode.options import refuse
from ostinato.lm import Predictor
from ostinato.shapes import LogProbs, Rows
from ostinato.state import State


class ForbidState(NamedTuple):
    """The rows of the hypotheses [N]: only their number matters."""

    owner: Tensor


class ForceState(NamedTuple):
    """The number of tokens of each hypothesis [N], and the most that it may have [N]."""

    length: Tensor
    longest: Tensor


class Forbid:
    """None of `tokens` occurs; with `</s>` among them, no hypothesis ends before its length limit."""

    def __init__(self, tokens: Sequence[int]):
        self.tokens = sorted(set(tokens))

    def start(self, lm: Predictor, owner: Rows, longest: Rows) -> ForbidState:
        """No token yet. Raises ConfigError for a token that the model does not have."""
        check_tokens(self.tokens, lm, "Forbid")
        return ForbidState(owner)

    def mask(self, state: State, log_probs: LogProbs, eos: int) -> None:
        """Forbids the tokens."""
        log_probs[:, self.tokens] = -torch.inf

    def advance(self, state: State, tokens: Rows) -> State:
        """The same state."""
        return state


class Force:
    """`tokens` maps positions to tokens: position 0 is the first, negative ones count back from the row's length limit,
    so that `{-1: eos}` closes a row that reaches the limit. A hypothesis that ends before a position need not have it.
    """

    def __init__(self, tokens: Mapping[int, int]):
        self.tokens = dict(tokens)

    def start(self, lm: Predictor, owner: Rows, longest: Rows) -> ForceState:
        """No token yet. Raises ConfigError for a token that the model does not have."""
        check_tokens(list(self.tokens.values()), lm, "Force")
        return ForceState(torch.zeros_like(owner), longest)

    def mask(self, state: State, log_probs: LogProbs, eos: int) -> None:
        """Allows the one token of a position alone."""
        length, longest = state
        for place, token in self.tokens.items():
            only(log_probs, length == (place if place >= 0 else longest + place), token)

    def advance(self, state: State, tokens: Rows) -> ForceState:
        """One token more."""
        return ForceState(state[0] + 1, state[1])


def only(log_probs: LogProbs, rows: Tensor, tokens: int | Tensor) -> None:
    """In the rows of the mask `rows` [N], set `log_probs` [N V], in place, to −∞ for all tokens but one: `tokens`, one
    for all rows or one for each row of the mask."""
    places = rows.nonzero().squeeze(1).to(log_probs.device)
    allowed = torch.as_tensor(tokens, device=log_probs.device).expand(len(places))
    values = log_probs[places, allowed]
    log_probs[places] = -torch.inf
    log_probs[places, allowed] = values


def check_tokens(tokens: Sequence[int], lm: Predictor, constraint: str) -> None:
    """Raises ConfigError for a token that the model does not have."""
    unknown = [token for token in tokens if not 0 <= token < lm.size]
    if unknown:
        refuse([f"{constraint}: token {unknown[0]} is outside 0 … {lm.size - 1}; encode with the model's tokenizer"])

"""Forbid and Force: tokens that must not come, and tokens that must come at a place."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ostinato.decode.options import refuse
from ostinato.lm import Predictor
from ostinato.shapes import LogProbs, Rows
from ostinato.state import State


class Nothing(NamedTuple):
    """That there are N hypotheses."""

    owner: Tensor


class Place(NamedTuple):
    """How many tokens a hypothesis has, and how many it may have."""

    length: Tensor
    longest: Tensor


class Forbid:
    """None of `tokens` anywhere; of `</s>`, no hypothesis closes before its length limit."""

    def __init__(self, tokens: Sequence[int]):
        self.tokens = sorted(set(tokens))

    def start(self, lm: Predictor, owner: Rows, longest: Rows) -> Nothing:
        """Raises ConfigError for a token that the model does not have."""
        known(self.tokens, lm, "Forbid")
        return Nothing(owner)

    def mask(self, state: State, log_probs: LogProbs, eos: int) -> None:
        """A column a token."""
        log_probs[:, self.tokens] = -torch.inf

    def advance(self, state: State, tokens: Rows) -> State:
        """Nothing changes."""
        return state


class Force:
    """The token at each place of `tokens`, counted from 0, or from the row's length limit where negative: with
    `{-1: eos}` a row that reaches the limit is closed there. A hypothesis that ends before a place is free of it."""

    def __init__(self, tokens: Mapping[int, int]):
        self.tokens = dict(tokens)

    def start(self, lm: Predictor, owner: Rows, longest: Rows) -> Place:
        """Raises ConfigError for a token that the model does not have."""
        known(list(self.tokens.values()), lm, "Force")
        return Place(torch.zeros_like(owner), longest)

    def mask(self, state: State, log_probs: LogProbs, eos: int) -> None:
        """All of a row but the one token."""
        length, longest = state
        for place, token in self.tokens.items():
            only(log_probs, length == (place if place >= 0 else longest + place), token)

    def advance(self, state: State, tokens: Rows) -> Place:
        """One further."""
        return Place(state[0] + 1, state[1])


def only(log_probs: LogProbs, rows: Tensor, tokens: int | Tensor) -> None:
    """Leave to `rows` (a mask [N]) one token each: `tokens`, or that of each such row."""
    places = rows.nonzero().squeeze(1).to(log_probs.device)
    chosen = torch.as_tensor(tokens, device=log_probs.device).expand(len(places))
    kept = log_probs[places, chosen]
    log_probs[places] = -torch.inf
    log_probs[places, chosen] = kept


def known(tokens: Sequence[int], lm: Predictor, what: str) -> None:
    """Raises ConfigError for a token that the model does not have."""
    strange = [token for token in tokens if not 0 <= token < lm.size]
    if strange:
        refuse([f"{what}: token {strange[0]} is outside 0 … {lm.size - 1}; encode with the model's tokenizer"])

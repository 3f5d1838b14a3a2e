"""Prefix: how each row must begin."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ostinato.decode.constraints.tokens import known, only
from ostinato.decode.options import refuse
from ostinato.lm import Predictor
from ostinato.padded import Padded
from ostinato.shapes import LogProbs, Rows
from ostinato.state import State


class Begun(NamedTuple):
    """Which row, and how many tokens it has."""

    owner: Tensor
    length: Tensor


class Prefix:
    """Row i begins with `tokens[i]`, which may be empty. Unlike a prompt it is part of the hypothesis and of its ln p.

    Raises ConfigError where there is not one prefix a row, or where it does not fit into the row.
    """

    def __init__(self, tokens: Sequence[Sequence[int]]):
        self.tokens = [list(each) for each in tokens]
        self._padded = Padded.of([torch.tensor(each, dtype=torch.int64) for each in self.tokens] or [torch.zeros(0)])

    def start(self, lm: Predictor, owner: Rows, longest: Rows) -> Begun:
        """Nothing written."""
        known([token for each in self.tokens for token in each], lm, "Prefix")
        if len(self.tokens) != int(owner.max()) + 1:
            refuse([f"Prefix: there are {len(self.tokens)} for {int(owner.max()) + 1} rows; give one a row"])
        for row, limit in zip(owner.tolist(), longest.tolist()):
            if len(self.tokens[row]) > limit:
                refuse([f"Prefix: row {row} has {len(self.tokens[row])} tokens but max_length {limit}; allow more"])
            if lm.eos in self.tokens[row][:-1]:
                refuse([f"Prefix: row {row} goes on after token {lm.eos}, which closes it; leave that out"])
        return Begun(owner, torch.zeros_like(owner))

    def mask(self, state: State, log_probs: LogProbs, eos: int) -> None:
        """While the prefix lasts, its next token alone."""
        owner, length = state
        bound = length < self._padded.lengths[owner.cpu()].to(owner.device)
        if bound.any():
            only(log_probs, bound, self._padded.data[owner[bound].cpu(), length[bound].cpu()])

    def advance(self, state: State, tokens: Rows) -> Begun:
        """One further."""
        return Begun(state[0], state[1] + 1)

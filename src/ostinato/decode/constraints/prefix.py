"""Prefix: the tokens that each row must begin with."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ostinato.decode.constraints.tokens import check_tokens, only
from ostinato.decode.options import refuse
from ostinato.lm import Predictor
from ostinato.padded import Padded
from ostinato.shapes import LogProbs, Rows
from ostinato.state import State


class PrefixState(NamedTuple):
    """The row of each hypothesis [N], and its number of tokens [N]."""

    owner: Tensor
    length: Tensor


class Prefix:
    """Row i begins with `tokens[i]`, which may be empty. Unlike a prompt, it is part of the hypothesis and its ln p."""

    def __init__(self, tokens: Sequence[Sequence[int]]):
        self.tokens = [list(each) for each in tokens]
        self._padded = Padded.of([torch.tensor(each, dtype=torch.int64) for each in self.tokens] or [torch.zeros(0)])

    def start(self, lm: Predictor, owner: Rows, longest: Rows) -> PrefixState:
        """No token yet. Raises ConfigError where there is not one prefix a row, or one does not fit into its row."""
        check_tokens([token for each in self.tokens for token in each], lm, "Prefix")
        if len(self.tokens) != int(owner.max()) + 1:
            refuse([f"Prefix: there are {len(self.tokens)} for {int(owner.max()) + 1} rows; give one a row"])
        for row, limit in zip(owner.tolist(), longest.tolist()):
            if len(self.tokens[row]) > limit:
                refuse([f"Prefix: row {row} has {len(self.tokens[row])} tokens but max_length is {limit}; allow more"])
            if lm.eos in self.tokens[row][:-1]:
                refuse([f"Prefix: row {row} has tokens after token {lm.eos}, which closes it; leave that out"])
        return PrefixState(owner, torch.zeros_like(owner))

    def mask(self, state: State, log_probs: LogProbs, eos: int) -> None:
        """Allows the next token of the prefix alone, until the prefix ends."""
        owner, length = state
        in_prefix = length < self._padded.lengths[owner.cpu()].to(owner.device)
        if in_prefix.any():
            only(log_probs, in_prefix, self._padded.data[owner[in_prefix].cpu(), length[in_prefix].cpu()])

    def advance(self, state: State, tokens: Rows) -> PrefixState:
        """One token more."""
        return PrefixState(state[0], state[1] + 1)

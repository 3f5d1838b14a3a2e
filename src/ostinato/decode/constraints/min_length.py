"""MinLength: the least length of a hypothesis."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ostinato.decode.lengths import each_row
from ostinato.decode.options import refuse
from ostinato.lm import Predictor
from ostinato.shapes import LogProbs, Rows
from ostinato.state import State


class MinLengthState(NamedTuple):
    """The number of tokens that each hypothesis still needs [N]."""

    missing: Tensor


class MinLength:
    """At least `length` tokens, `</s>` counted as in `max_length`; one for all, or one a row (`by_source`)."""

    def __init__(self, length: int | Sequence[int]):
        self.length = length

    def start(self, lm: Predictor, owner: Rows, longest: Rows) -> MinLengthState:
        """Every token is missing.

        Raises ConfigError where the length is above the row's `max_length`, or there is not one for each row.
        """
        rows = int(owner.max()) + 1
        shortest = each_row(self.length, rows)
        if len(shortest) != rows:
            refuse([f"MinLength: there are {len(shortest)} for {rows} rows; give one for all or one a row"])
        for row, limit in zip(owner.tolist(), longest.tolist()):
            if shortest[row] > limit:
                refuse([f"MinLength: {shortest[row]} is above max_length {limit} of row {row}; ask for less"])
        return MinLengthState(torch.tensor(shortest, device=owner.device)[owner])

    def mask(self, state: State, log_probs: LogProbs, eos: int) -> None:
        """Forbids `</s>` before the last missing token."""
        log_probs[(state[0] > 1).to(log_probs.device), eos] = -torch.inf

    def advance(self, state: State, tokens: Rows) -> MinLengthState:
        """One token less is missing."""
        return MinLengthState(state[0] - 1)

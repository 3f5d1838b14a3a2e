"""NoRepeat: no n-gram occurs twice."""

from typing import NamedTuple

import torch
from torch import Tensor

from ostinato.decode.options import refuse
from ostinato.lm import Predictor
from ostinato.shapes import LogProbs, Rows
from ostinato.state import State


class NoRepeatState(NamedTuple):
    """The tokens of each hypothesis so far [N T]."""

    tokens: Tensor


class NoRepeat:
    """No n-gram of `order` tokens occurs twice in a hypothesis (Paulus, Xiong and Socher, 2018, section 2.5).

    N-grams of the prompt do not count. Raises ConfigError for an order below 1.
    """

    def __init__(self, order: int):
        if order < 1:
            refuse([f"NoRepeat: order {order} is below 1; 1 forbids any token a second time, 3 is usual"])
        self.order = order

    def start(self, lm: Predictor, owner: Rows, longest: Rows) -> NoRepeatState:
        """No token yet."""
        return NoRepeatState(owner.new_zeros(len(owner), 0))

    def mask(self, state: State, log_probs: LogProbs, eos: int) -> None:
        """Forbids each token that followed the last order − 1 tokens earlier in the hypothesis."""
        (tokens,) = state
        if tokens.shape[1] < self.order:
            return
        grams = tokens.unfold(1, self.order, 1)  # [N, T − order + 1, order]
        last = tokens[:, tokens.shape[1] - self.order + 1 :].unsqueeze(1)
        matches = (grams[:, :, :-1] == last).all(dim=2)
        rows, places = matches.nonzero(as_tuple=True)
        log_probs[rows.to(log_probs.device), grams[rows, places, -1].to(log_probs.device)] = -torch.inf

    def advance(self, state: State, tokens: Rows) -> NoRepeatState:
        """The token appended."""
        return NoRepeatState(torch.cat([state[0], tokens.to(state[0]).unsqueeze(1)], dim=1))

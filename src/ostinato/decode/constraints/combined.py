"""Constraints: several constraints as one."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ostinato.decode.constraints.base import Constraint
from ostinato.decode.constraints.phrases import Phrases
from ostinato.decode.options import refuse
from ostinato.errors import ConfigError
from ostinato.lm import Predictor
from ostinato.shapes import LogProbs, Rows
from ostinato.state import State, select


class Constraints:
    """All constraints of a search and their states. Raises ConfigError for several Phrases."""

    def __init__(self, each: Sequence[Constraint], lm: Predictor, owner: Rows, longest: Rows):
        self._each, self._eos = tuple(each), lm.eos
        if sum(isinstance(constraint, Phrases) for constraint in self._each) > 1:
            refuse(["Phrases: there are several of them; give all phrases of a row to one"])
        self.states = tuple(constraint.start(lm, owner, longest) for constraint in self._each)

    def masked(self, log_probs: LogProbs) -> LogProbs:
        """[N V]: a copy of the log-probabilities, −∞ for tokens that any of them forbids."""
        if not self._each:
            return log_probs
        masked = log_probs.clone(memory_format=torch.contiguous_format)
        for constraint, state in zip(self._each, self.states):
            constraint.mask(state, masked, self._eos)
        return masked

    def grow(self, parents: Tensor, tokens: Tensor) -> None:
        """Replace the states, in place, by those of the hypotheses `parents` [M] with one more token each [M]."""
        self.states = tuple(
            constraint.advance(select(state, parents), tokens) for constraint, state in zip(self._each, self.states)
        )

    def phrases(self) -> tuple[Phrases, State] | None:
        """The Phrases among them and their state, if there are any."""
        pairs = [pair for pair in zip(self._each, self.states) if isinstance(pair[0], Phrases)]
        return pairs[0] if pairs else None  # type: ignore[return-value]


def dead_end(row: int) -> ConfigError:
    """The error for a row without an allowed continuation."""
    return ConfigError(
        f"decode: row {row}: the constraints leave no token to continue with; loosen them, allow a longer row or widen "
        "the beam"
    )

"""Constraint: the tokens that may not continue a hypothesis, as a step from state to state."""

from typing import Protocol

from ostinato.lm import Predictor
from ostinato.shapes import LogProbs, Rows
from ostinato.state import State


class Constraint(Protocol):
    """Any search takes any number of constraints. It never chooses a forbidden token, and the reported ln p stays the
    model's. A constraint sees the tokens of the hypothesis, not those of the prompt."""

    def start(self, lm: Predictor, owner: Rows, longest: Rows) -> State:
        """The state before the first token, for hypotheses of the rows `owner` [N] of at most `longest` [N] tokens,
        `</s>` counted. Raises ConfigError for a constraint that cannot be met."""

    def mask(self, state: State, log_probs: LogProbs, eos: int) -> None:
        """Set `log_probs` [N V], in place, to −∞ for each token that is not allowed."""

    def advance(self, state: State, tokens: Rows) -> State:
        """The state after one more token a hypothesis [N]; the old state does not change."""

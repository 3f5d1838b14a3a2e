"""Constraint: what a hypothesis may not go on with; a step from state to state, as everything is."""

from typing import Protocol

from ostinato.lm import Predictor
from ostinato.shapes import LogProbs, Rows
from ostinato.state import State


class Constraint(Protocol):
    """Any search takes any of them together. What they forbid is never chosen, and the reported ln p stays the model's
    own. A prompt is not theirs: they see the tokens that the search writes."""

    def start(self, lm: Predictor, owner: Rows, longest: Rows) -> State:
        """Before the first token, for hypotheses of the rows `owner` [N] that may be `longest` [N] tokens long, `</s>`
        counted. Raises ConfigError for what cannot hold."""

    def mask(self, state: State, log_probs: LogProbs, eos: int) -> None:
        """Put −∞ into `log_probs` [N V], in place, wherever a token is not allowed."""

    def advance(self, state: State, tokens: Rows) -> State:
        """After one more token a hypothesis; the old state stays as it was."""

"""Beams: the open hypotheses of all rows side by side, and the steps that led to each."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ostinato.decode.constraints.base import Constraint
from ostinato.decode.constraints.combined import Constraints
from ostinato.decode.ranking import Floats, Ints
from ostinato.decode.stepwise import begin
from ostinato.errors import ConfigError
from ostinato.lm import Predictor, searched
from ostinato.padded import Padded
from ostinato.shapes import LogProbs
from ostinato.state import select


class Extension(NamedTuple):
    """Continuations [M], by lane and best first: the hypothesis that each extends, its new token, its ln p by the model
    and its score; `bounds` are the most that it can score if it stays open, `sampled_log_probs` its ln p by the
    distribution that a search samples from, where that is not the model's."""

    parents: Ints
    tokens: Ints
    log_probs: Floats
    scores: Floats
    bounds: Floats
    sampled_log_probs: Floats

    def take(self, mask: npt.NDArray[np.bool_]) -> "Extension":
        """The continuations where the mask [M] is true."""
        return Extension(*(each[mask] for each in self))  # type: ignore[arg-type]


class Beams:
    """The N open hypotheses of all lanes. A lane is one beam; a row has one or several. Hypotheses that end leave."""

    @torch.no_grad()
    def __init__(
        self,
        lm: Predictor,
        owners: Sequence[int],
        longest: Sequence[int],
        prompt: Padded | None,
        constraints: Sequence[Constraint],
    ):
        """One empty hypothesis for each lane; lane i is of row owners[i] and has at most longest[i] tokens.

        Raises ConfigError and DataError for a prompt or constraints that do not fit.
        """
        rows = max(owners) + 1
        self.lm, self._name, self.owners = searched(lm), type(lm).__name__, np.array(owners, np.int64)
        self.longest = np.array(longest, np.int64)
        self.lanes = np.arange(len(owners))
        self.length = 0
        self.log_probs, self.scores, self.sampled_log_probs = np.zeros((3, len(owners)))
        owner = torch.from_numpy(self.owners)
        self.constraints = Constraints(constraints, lm, owner, torch.from_numpy(self.longest))
        self.state = begin(self.lm, rows, prompt)
        if len(owners) > rows:
            self.state = select(self.state, owner)
        self.attention_sum: Tensor | None = None
        self._device = torch.device("cpu")
        self._history: list[tuple[Ints, Ints]] = []

    @property
    def rows(self) -> Ints:
        """[N]: the row of each open hypothesis."""
        return self.owners[self.lanes]

    def masked_log_probs(self) -> LogProbs:
        """[N V]: the model's log-probabilities, −∞ where a constraint forbids."""
        log_probs = self.lm.log_probs(self.state)
        self._device = log_probs.device
        return self.constraints.masked(log_probs)

    def add_attention(self) -> Tensor:
        """[N S]: the attention to each source position, summed over all steps; this step's is added in place.

        Raises ConfigError where the model has no attention.
        """
        attention = getattr(self.lm, "attention", None)
        weights: Tensor | None = attention(self.state) if attention is not None else None
        if weights is None:
            raise ConfigError(f"decode.coverage: {self._name} has no attention to a source; leave coverage out")
        self.attention_sum = weights if self.attention_sum is None else self.attention_sum + weights
        return self.attention_sum

    def grow(self, extension: Extension) -> None:
        """Replace the hypotheses, in place, by these continuations; the model takes a step for them alone."""
        parents, tokens = torch.from_numpy(extension.parents), torch.from_numpy(extension.tokens)
        self._history.append((extension.parents, extension.tokens))
        self.length += 1
        self.lanes = self.lanes[extension.parents]
        self.log_probs, self.scores = extension.log_probs, extension.scores
        self.sampled_log_probs = extension.sampled_log_probs
        if not len(parents):
            return
        state = select(self.state, parents)
        self.state = self.lm.advance(state, tokens.to(self._device))
        self.constraints.grow(parents, tokens)
        if self.attention_sum is not None:
            self.attention_sum = self.attention_sum[parents.to(self.attention_sum.device)]

    def tokens(self, length: int, place: int) -> list[int]:
        """The tokens of the hypothesis that was number `place` of those with `length` tokens."""
        reverse: list[int] = []
        for parents, tokens in reversed(self._history[:length]):
            reverse.append(int(tokens[place]))
            place = int(parents[place])
        return reverse[::-1]

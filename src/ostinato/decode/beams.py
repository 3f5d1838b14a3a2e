"""Frontier: the open hypotheses of all rows side by side, and how each came to be."""

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
    """Continuations [M], by lane and best first: the hypothesis each grew from, its token, the model's ln p of it and
    what it is ranked by; `bounds` is what it can at most score if it stays open, and `drawn` its ln p where a search
    draws from something else than the model."""

    parents: Ints
    tokens: Ints
    log_probs: Floats
    scores: Floats
    bounds: Floats
    drawn: Floats

    def take(self, kept: npt.NDArray[np.bool_]) -> "Extension":
        """Some of them."""
        return Extension(*(each[kept] for each in self))  # type: ignore[arg-type]


class Beams:
    """A lane is a beam of its own: one a row, or several of the same row. Those that end leave."""

    @torch.no_grad()
    def __init__(
        self,
        lm: Predictor,
        owners: Sequence[int],
        longest: Sequence[int],
        prompt: Padded | None,
        constraints: Sequence[Constraint],
    ):
        """One empty hypothesis for each lane, lane i of row owners[i] and at most longest[i] tokens long."""
        rows = max(owners) + 1
        self.lm, self._name, self.owners = searched(lm), type(lm).__name__, np.array(owners, np.int64)
        self.longest = np.array(longest, np.int64)
        self.lanes = np.arange(len(owners))
        self.length = 0
        self.log_probs, self.scores, self.drawn = np.zeros((3, len(owners)))
        owner = torch.from_numpy(self.owners)
        self.constraints = Constraints(constraints, lm, owner, torch.from_numpy(self.longest))
        self.state = begin(self.lm, rows, prompt)
        if len(owners) > rows:
            self.state = select(self.state, owner)
        self.looked: Tensor | None = None
        self._device = torch.device("cpu")
        self._history: list[tuple[Ints, Ints]] = []

    @property
    def rows(self) -> Ints:
        """[N]: the row that each open hypothesis is of."""
        return self.owners[self.lanes]

    def look(self) -> LogProbs:
        """[N V]: the model's log-probabilities, −∞ where a constraint forbids."""
        log_probs = self.lm.log_probs(self.state)
        self._device = log_probs.device
        return self.constraints.masked(log_probs)

    def attend(self) -> Tensor:
        """[N S]: how much each source position was looked at so far, this step included. Raises ConfigError where the
        model does not say."""
        attention = getattr(self.lm, "attention", None)
        weights: Tensor | None = attention(self.state) if attention is not None else None
        if weights is None:
            raise ConfigError(f"decode.coverage: {self._name} has no attention to a source; leave coverage out")
        self.looked = weights if self.looked is None else self.looked + weights
        return self.looked

    def grow(self, growth: Extension) -> None:
        """Go on with these alone: only they cost the model a step."""
        parents, tokens = torch.from_numpy(growth.parents), torch.from_numpy(growth.tokens)
        self._history.append((growth.parents, growth.tokens))
        self.length += 1
        self.lanes = self.lanes[growth.parents]
        self.log_probs, self.scores, self.drawn = growth.log_probs, growth.scores, growth.drawn
        if not len(parents):
            return
        chosen = select(self.state, parents)
        self.state = self.lm.advance(chosen, tokens.to(self._device))
        self.constraints.grow(parents, tokens)
        if self.looked is not None:
            self.looked = self.looked[parents.to(self.looked.device)]

    def tokens(self, length: int, place: int) -> list[int]:
        """What the hypothesis said that stood at `place` when all were `length` tokens long."""
        said: list[int] = []
        for parents, tokens in reversed(self._history[:length]):
            said.append(int(tokens[place]))
            place = int(parents[place])
        return said[::-1]

"""Banks: places in a beam for hypotheses that have more of the phrases that must occur (Post and Vilar, 2018).

At each step the candidates are the best continuations and, for each hypothesis, the tokens that go on with a phrase.
They stand in banks by how many tokens of the phrases they have, and the banks take turns in choosing their best, until
the beam is full: as many places a bank as there are, and what one does not fill goes to the others. So no bank crowds
out the one that a finished sentence must come from.
"""

from typing import TypeAlias

import numpy as np
import torch

from ostinato.decode.constraints.phrases import Phrases
from ostinato.decode.ranking import Floats, Ints
from ostinato.shapes import LogProbs
from ostinato.state import State, select

Candidates: TypeAlias = tuple[Ints, Ints, Floats]
"""Parents, tokens and ln p of the token [M]."""


def with_phrases(phrases: Phrases, state: State, log_probs: LogProbs, candidates: Candidates) -> Candidates:
    """The candidates, and what goes on with a phrase; each once."""
    wanted = phrases.next(state)
    more_parents, places = (wanted >= 0).nonzero(as_tuple=True)
    more_tokens = wanted[more_parents, places]
    more_said = log_probs[more_parents.to(log_probs.device), more_tokens.to(log_probs.device)]
    parents = np.concatenate([candidates[0], more_parents.numpy()])
    tokens = np.concatenate([candidates[1], more_tokens.numpy()])
    said = np.concatenate([candidates[2], more_said.cpu().double().numpy()])
    once = np.unique(parents * log_probs.shape[1] + tokens, return_index=True)[1]
    return parents[once], tokens[once], said[once]


def bank_of(phrases: Phrases, state: State, parents: Ints, tokens: Ints) -> Ints:
    """How many tokens of the phrases each continuation has [M]."""
    after = phrases.advance(select(state, torch.from_numpy(parents)), torch.from_numpy(tokens))
    found: Ints = phrases.said(after).numpy()
    return found

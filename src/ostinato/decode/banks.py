"""Banks: places in a beam for hypotheses that have more tokens of the required phrases (Post and Vilar, 2018).

At each step the candidates are the best continuations and, for each hypothesis, the tokens that continue a phrase. A
bank holds the candidates with the same number of phrase tokens, and the banks take turns in choosing their best until
the beam is full; places that a bank cannot fill go to the others. So hypotheses without the phrases cannot crowd out
those that can still finish.
"""

from typing import TypeAlias

import numpy as np
import torch

from ostinato.decode.constraints.phrases import Phrases
from ostinato.decode.ranking import Floats, Ints
from ostinato.shapes import LogProbs
from ostinato.state import State, select

Candidates: TypeAlias = tuple[Ints, Ints, Floats]
"""The hypothesis that each continuation extends, its token, and ln p of the token [M]."""


def with_phrases(phrases: Phrases, state: State, log_probs: LogProbs, candidates: Candidates) -> Candidates:
    """The candidates and the continuations of phrases, each once, from log-probabilities [N V]."""
    next_tokens = phrases.next(state)
    more_parents, places = (next_tokens >= 0).nonzero(as_tuple=True)
    more_tokens = next_tokens[more_parents, places]
    more_log_probs = log_probs[more_parents.to(log_probs.device), more_tokens.to(log_probs.device)]
    parents = np.concatenate([candidates[0], more_parents.numpy()])
    tokens = np.concatenate([candidates[1], more_tokens.numpy()])
    token_log_probs = np.concatenate([candidates[2], more_log_probs.cpu().double().numpy()])
    once = np.unique(parents * log_probs.shape[1] + tokens, return_index=True)[1]
    return parents[once], tokens[once], token_log_probs[once]


def bank_of(phrases: Phrases, state: State, parents: Ints, tokens: Ints) -> Ints:
    """[M]: the number of phrase tokens that each continuation has."""
    after = phrases.advance(select(state, torch.from_numpy(parents)), torch.from_numpy(tokens))
    counts: Ints = phrases.matched(after).numpy()
    return counts

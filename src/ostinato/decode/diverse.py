"""Diverse beam search: groups of beams, each kept from the tokens of those before it (Vijayakumar et al., 2016)."""

import math
from collections.abc import Sequence

import numpy as np

from ostinato.decode.beam import PLAIN, grown, source_problems, valued, width_problems
from ostinato.decode.beams import Beams, Extension
from ostinato.decode.constraints.base import Constraint
from ostinato.decode.hypothesis import Hypothesis
from ostinato.decode.lengths import each_row
from ostinato.decode.options import refuse
from ostinato.decode.ranking import Floats, Ints, Ranking
from ostinato.decode.search import Choose, ranked, search
from ostinato.decode.topk import top_k
from ostinato.lm import Predictor
from ostinato.padded import Padded


def diverse_beam(
    lm: Predictor,
    width: int,
    groups: int,
    strength: float,
    rows: int = 1,
    *,
    max_length: int | Sequence[int],
    prompt: Padded | None = None,
    ranking: Ranking = PLAIN,
    constraints: Sequence[Constraint] = (),
) -> list[list[list[Hypothesis]]]:
    """For each row and each of its `groups` beams of `width`, up to `width` hypotheses, best first.

    At each step the groups choose one after another, and for a group a continuation is worth `strength` less for each
    time that an earlier group of its row took the same token at this step (the paper's Hamming diversity). That moves
    only the choice: `log_prob` and `score` are what they are without it. The first group is the plain beam's, and a
    group stops by the rule of `beam`. Raises ConfigError and DataError as `beam` does.
    """
    problems = width_problems(width, rows, max_length, 1) + source_problems(ranking, rows)
    refuse(problems + group_problems(groups, strength))
    owners = [row for row in range(rows) for _ in range(groups)]
    longest = [limit for limit in each_row(max_length, rows) for _ in range(groups)]
    found = search(Beams(lm, owners, longest, prompt, constraints), _apart(width, groups, strength, ranking), width)
    return [found[row * groups : (row + 1) * groups] for row in range(rows)]


def group_problems(groups: int, strength: float) -> list[str]:
    """What is wrong with the options of the groups, one sentence each."""
    problems = []
    if groups < 1:
        problems.append(f"groups: {groups} leaves no beam; ask for at least 1")
    if not (strength >= 0 and math.isfinite(strength)):
        problems.append(f"strength: {strength} is not a number of nats from 0 on; 0 makes all groups alike")
    return problems


def _apart(width: int, groups: int, strength: float, ranking: Ranking) -> Choose:
    def choose(frontier: Beams) -> Extension:
        # Of these, `width` have a token that no earlier group took, whatever those took.
        candidates = top_k(frontier.look(), width * groups)
        parents = np.arange(len(frontier.lanes)).repeat(candidates.tokens.shape[1])
        tokens = candidates.tokens.reshape(-1)
        log_probs = frontier.log_probs[parents] + candidates.log_probs.reshape(-1)
        scores = valued(frontier, ranking, parents, log_probs)
        rows, group = frontier.rows[parents], frontier.lanes[parents] % groups
        said = rows * frontier.lm.size + tokens
        kept = np.zeros(0, np.int64)
        for each in range(groups):
            mine = np.flatnonzero(group == each)
            keys = scores[mine] - strength * _times(said[mine], said[kept])
            kept = np.concatenate([kept, mine[ranked(frontier, parents[mine], tokens[mine], keys, width)]])
        kept = kept[np.argsort(frontier.lanes[parents[kept]], kind="stable")]
        return grown(frontier, ranking, parents[kept], tokens[kept], log_probs[kept], scores[kept])

    return choose


def _times(said: Ints, before: Ints) -> Floats:
    """How often each occurred before."""
    tokens, counts = np.unique(before, return_counts=True)
    if not len(tokens):
        return np.zeros(len(said))
    places = np.searchsorted(tokens, said).clip(max=len(tokens) - 1)
    return np.where(tokens[places] == said, counts[places], 0).astype(np.float64)

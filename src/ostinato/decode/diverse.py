"""Diverse beam search: groups of beams, each penalized for the tokens of the groups before it (Vijayakumar et al.,
2016)."""

import math
from collections.abc import Sequence

import numpy as np

from ostinato.decode.beam import PLAIN, extension_of, scores_of, source_problems, width_problems
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

    At each step the groups choose one after another. For a group, the score of a continuation is lowered by `strength`
    (nats) for each time that an earlier group of its row took the same token at this step (Hamming diversity). The
    penalty changes the choice alone, not `log_prob` and `score`. The first group is the plain beam, and a group stops
    by the rule of `beam`. `prompt` is [N T]. Raises ConfigError, DataError and DivergedError as `beam` does.
    """
    problems = width_problems(width, rows, max_length, 1) + source_problems(ranking, rows)
    refuse(problems + group_problems(groups, strength))
    owners = [row for row in range(rows) for _ in range(groups)]
    longest = [limit for limit in each_row(max_length, rows) for _ in range(groups)]
    choose = _diverse(width, groups, strength, ranking)
    by_lane = search(Beams(lm, owners, longest, prompt, constraints), choose, width)
    return [by_lane[row * groups : (row + 1) * groups] for row in range(rows)]


def group_problems(groups: int, strength: float) -> list[str]:
    """The problems of the options of the groups, one sentence each."""
    problems = []
    if groups < 1:
        problems.append(f"groups: {groups} leaves no beam; ask for at least 1")
    if not (strength >= 0 and math.isfinite(strength)):
        problems.append(f"strength: {strength} is not a finite number of nats of at least 0; 0 makes all groups alike")
    return problems


def _diverse(width: int, groups: int, strength: float, ranking: Ranking) -> Choose:
    def choose(beams: Beams) -> Extension:
        # So many that `width` of them have a token that no earlier group took, whichever those took.
        candidates = top_k(beams.masked_log_probs(), width * groups)
        parents = np.arange(len(beams.lanes)).repeat(candidates.tokens.shape[1])
        tokens = candidates.tokens.reshape(-1)
        log_probs = beams.log_probs[parents] + candidates.log_probs.reshape(-1)
        scores = scores_of(beams, ranking, parents, log_probs)
        rows, group = beams.rows[parents], beams.lanes[parents] % groups
        row_tokens = rows * beams.lm.size + tokens  # one number for each pair of a row and a token
        best = np.zeros(0, np.int64)
        for each in range(groups):
            mine = np.flatnonzero(group == each)
            keys = scores[mine] - strength * _times(row_tokens[mine], row_tokens[best])
            best = np.concatenate([best, mine[ranked(beams, parents[mine], tokens[mine], keys, width)]])
        best = best[np.argsort(beams.lanes[parents[best]], kind="stable")]
        return extension_of(beams, ranking, parents[best], tokens[best], log_probs[best], scores[best])

    return choose


def _times(tokens: Ints, before: Ints) -> Floats:
    """[M]: how often each of `tokens` [M] occurs in `before`."""
    unique, counts = np.unique(before, return_counts=True)
    if not len(unique):
        return np.zeros(len(tokens))
    places = np.searchsorted(unique, tokens).clip(max=len(unique) - 1)
    return np.where(unique[places] == tokens, counts[places], 0).astype(np.float64)

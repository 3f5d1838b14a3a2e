"""Beam search: at each step the `width` best beginnings (Lowerre, 1976; Sutskever, Vinyals and Le, 2014)."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from ostinato.decode.banks import bank_of, with_phrases
from ostinato.decode.beams import Beams, Extension
from ostinato.decode.constraints import Constraint
from ostinato.decode.hypothesis import Hypothesis
from ostinato.decode.lengths import each_row
from ostinato.decode.options import check, refuse
from ostinato.decode.ranking import Floats, Ints, Ranking
from ostinato.decode.search import Choose, ranked, search
from ostinato.decode.topk import top_k
from ostinato.lm import Predictor
from ostinato.padded import Padded

PLAIN: Final = Ranking()
"""By ln p alone."""


def beam(
    lm: Predictor,
    width: int,
    rows: int = 1,
    *,
    max_length: int | Sequence[int],
    n_best: int = 1,
    prompt: Padded | None = None,
    ranking: Ranking = PLAIN,
    constraints: Sequence[Constraint] = (),
) -> list[list[Hypothesis]]:
    """For each row the `n_best` best hypotheses by `ranking` (ln p, if nothing is said), best first, of at most
    `max_length` tokens, `</s>` counted; one limit for all rows or one a row.

    At each step the `width` best continuations stay, of equal ones the earlier; those that end in `</s>` are finished
    and leave the beam, and at `max_length` open ones count as they are. An open one leaves, too, once `n_best` complete
    ones score at least what it can at most reach, and without open ones the row stops. That is, with n its length,
    L ≤ 0 its ln p and m the row's `max_length`:

    * no penalty: L, for ln p only falls;
    * GNMT: L / ((5 + m) / 6)^alpha, and Average: L / m, for the divisor grows no further;
    * a word bonus w: w m more, or w (n + 1) where w < 0; coverage: at best 0.

    So no hypothesis that could be among the best is given up but for the width, and with a width of at least the number
    of sequences the result is the exhaustive search's. Rows do not see each other. Raises ConfigError for an option out
    of range, constraints that leave a row nothing, or coverage of a model without attention; DataError for a prompt
    that the model cannot read.
    """
    refuse(width_problems(width, rows, max_length, n_best) + source_problems(ranking, rows))
    longest = each_row(max_length, rows)
    return search(Beams(lm, range(rows), longest, prompt, constraints), _widest(width, ranking), n_best)


def width_problems(width: int, rows: int, max_length: int | Sequence[int], n_best: int) -> list[str]:
    """What is wrong with the options of a beam, one sentence each."""
    problems = check(rows, max_length)
    if width < 1:
        problems.append(f"width: {width} keeps nothing; keep at least 1")
    if not 1 <= n_best <= max(width, 1):
        problems.append(f"n_best: {n_best} is not from 1 to the width {width}; widen the beam or ask for fewer")
    return problems


def source_problems(ranking: Ranking, rows: int) -> list[str]:
    """Whether coverage knows as many sources as there are rows."""
    if ranking.coverage is None or len(ranking.coverage.sources) == rows:
        return []
    return [f"coverage: there are {len(ranking.coverage.sources)} source lengths for {rows} rows; give one a row"]


def _widest(width: int, ranking: Ranking) -> Choose:
    def choose(frontier: Beams) -> Extension:
        masked = frontier.look()
        candidates = top_k(masked, width)
        parents = np.arange(len(frontier.lanes)).repeat(candidates.tokens.shape[1])
        tokens, said = candidates.tokens.reshape(-1), candidates.log_probs.reshape(-1)
        phrases = frontier.constraints.phrases()
        if phrases is not None:
            parents, tokens, said = with_phrases(*phrases, masked, (parents, tokens, said))
        log_probs = frontier.log_probs[parents] + said
        scores = valued(frontier, ranking, parents, log_probs)
        bank = None if phrases is None else bank_of(*phrases, parents, tokens)
        kept = ranked(frontier, parents, tokens, scores, width, bank)
        return grown(frontier, ranking, parents[kept], tokens[kept], log_probs[kept], scores[kept])

    return choose


def valued(frontier: Beams, ranking: Ranking, parents: Ints, log_probs: Floats) -> Floats:
    """The scores of continuations [M]. Once a step, for it adds the step's attention to what was looked at."""
    covered: Floats | float = 0.0
    if ranking.coverage is not None:
        covered = ranking.coverage.term(frontier.attend(), frontier.rows)[parents]
    return ranking.scores(log_probs, frontier.length + 1, covered)


def grown(
    frontier: Beams, ranking: Ranking, parents: Ints, tokens: Ints, log_probs: Floats, scores: Floats
) -> Extension:
    """Those continuations, with their bounds."""
    longest = frontier.longest[frontier.lanes[parents]]
    bounds = ranking.bounds(log_probs, frontier.length + 1, longest)
    return Extension(parents, tokens, log_probs, scores, bounds, log_probs)

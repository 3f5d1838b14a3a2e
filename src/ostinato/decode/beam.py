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
"""Ranks by ln p alone."""


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
    """For each row the `n_best` best hypotheses by `ranking` (by default ln p), best first, of at most `max_length`
    tokens, `</s>` counted; one limit for all rows or one a row. `prompt` holds ids [N T] for the N = `rows` rows.

    Each step keeps the `width` best continuations, of equal ones the earlier. Those that end in `</s>` are finished and
    leave the beam; at `max_length`, open ones count as they are. An open one also leaves once `n_best` complete ones
    score at least as much as it can reach, and a row without open ones stops. The bound, with n the length, L ≤ 0 the
    ln p and m the row's `max_length`:

    * no penalty: L, because ln p only falls;
    * GNMT: L / ((5 + m) / 6)^alpha, AverageLogProb: L / m, because the divisor grows no further;
    * a word bonus w adds w m, or w (n + 1) where w < 0; coverage adds at most 0.

    So only the width loses hypotheses, and with a width of at least the number of sequences the result is that of the
    exhaustive search. Rows do not interact. Raises ConfigError for an option out of range, constraints that leave a row
    nothing, or coverage with a model without attention; DataError for a prompt that the model cannot read;
    DivergedError for a model that gives NaN.
    """
    refuse(width_problems(width, rows, max_length, n_best) + source_problems(ranking, rows))
    longest = each_row(max_length, rows)
    return search(Beams(lm, range(rows), longest, prompt, constraints), _widest(width, ranking), n_best)


def width_problems(width: int, rows: int, max_length: int | Sequence[int], n_best: int) -> list[str]:
    """The problems of a beam's options (`width`, `n_best`: hypotheses a row), one sentence each."""
    problems = check(rows, max_length)
    if width < 1:
        problems.append(f"width: {width} keeps no hypothesis; keep at least 1")
    if not 1 <= n_best <= max(width, 1):
        problems.append(f"n_best: {n_best} is not from 1 to the width {width}; widen the beam or ask for fewer")
    return problems


def source_problems(ranking: Ranking, rows: int) -> list[str]:
    """The problem of a coverage with another number of sources than rows, if there is one."""
    if ranking.coverage is None or len(ranking.coverage.sources) == rows:
        return []
    return [f"coverage: there are {len(ranking.coverage.sources)} source lengths for {rows} rows; give one a row"]


def _widest(width: int, ranking: Ranking) -> Choose:
    def choose(beams: Beams) -> Extension:
        masked = beams.masked_log_probs()
        candidates = top_k(masked, width)
        parents = np.arange(len(beams.lanes)).repeat(candidates.tokens.shape[1])
        tokens, token_log_probs = candidates.tokens.reshape(-1), candidates.log_probs.reshape(-1)
        phrases = beams.constraints.phrases()
        if phrases is not None:
            parents, tokens, token_log_probs = with_phrases(*phrases, masked, (parents, tokens, token_log_probs))
        log_probs = beams.log_probs[parents] + token_log_probs
        scores = scores_of(beams, ranking, parents, log_probs)
        bank = None if phrases is None else bank_of(*phrases, parents, tokens)
        best = ranked(beams, parents, tokens, scores, width, bank)
        return extension_of(beams, ranking, parents[best], tokens[best], log_probs[best], scores[best])

    return choose


def scores_of(beams: Beams, ranking: Ranking, parents: Ints, log_probs: Floats) -> Floats:
    """The scores of continuations [M] with ln p `log_probs` [M]. Call it once a step: it adds the step's attention to
    the sum in `beams`."""
    coverage: Floats | float = 0.0
    if ranking.coverage is not None:
        coverage = ranking.coverage.term(beams.add_attention(), beams.rows)[parents]
    return ranking.scores(log_probs, beams.length + 1, coverage)


def extension_of(
    beams: Beams, ranking: Ranking, parents: Ints, tokens: Ints, log_probs: Floats, scores: Floats
) -> Extension:
    """The continuations [M] with their bounds."""
    longest = beams.longest[beams.lanes[parents]]
    bounds = ranking.bounds(log_probs, beams.length + 1, longest)
    return Extension(parents, tokens, log_probs, scores, bounds, log_probs)

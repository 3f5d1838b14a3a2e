"""Stochastic beam search: samples without replacement, by Gumbel noise (Kool, van Hoof and Welling, 2019)."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Generator, Tensor

from ostinato.decode.beam import width_problems
from ostinato.decode.beams import Beams, Extension
from ostinato.decode.constraints.base import Constraint
from ostinato.decode.hypothesis import Hypothesis
from ostinato.decode.lengths import each_row
from ostinato.decode.options import refuse
from ostinato.decode.sample import generator_of
from ostinato.decode.search import Choose, ranked, search
from ostinato.decode.topk import top_k
from ostinato.lm import Predictor
from ostinato.padded import Padded


def stochastic_beam(
    lm: Predictor,
    width: int,
    rows: int = 1,
    *,
    max_length: int | Sequence[int],
    seed: int | Generator = 0,
    prompt: Padded | None = None,
    constraints: Sequence[Constraint] = (),
) -> list[list[Hypothesis]]:
    """For each row `width` different hypotheses, sampled one after another from the model without replacement, in this
    order; fewer where there are fewer sequences.

    The `score` of a sequence of at most `max_length` tokens is its ln p plus Gumbel noise, and those with the greatest
    scores are the sample. The search samples the noise from the root down, so that it visits only their prefixes; the
    score of an open hypothesis is the greatest of all its continuations. The tokens that `constraints` allow keep their
    proportions, and `score` is of those; `log_prob` is the model's. Row i has its own random generator, which depends
    on `seed` and i alone. `prompt` is [N T]. Raises ConfigError, DataError and DivergedError as `beam` does.
    """
    refuse(width_problems(width, rows, max_length, 1))
    longest = each_row(max_length, rows)
    generators = [generator_of(seed, row) for row in range(rows)]
    beams = Beams(lm, range(rows), longest, prompt, constraints)
    beams.scores = torch.cat([_gumbel(generator, 1, 1) for generator in generators]).squeeze(1).numpy()
    return search(beams, _noisy(width, generators), width)


def _noisy(width: int, generators: list[Generator]) -> Choose:
    def choose(beams: Beams) -> Extension:
        token_log_probs = beams.masked_log_probs().cpu().double()
        dead = token_log_probs.amax(dim=1, keepdim=True) == -torch.inf
        sampled = torch.from_numpy(beams.sampled_log_probs).unsqueeze(1) + token_log_probs.log_softmax(dim=1)
        counts = np.bincount(beams.lanes, minlength=len(generators)).tolist()
        noise = [_gumbel(generator, count, token_log_probs.shape[1]) for generator, count in zip(generators, counts)]
        # The noisy score of an open hypothesis is the greatest of its continuations': one of them has it again.
        noisy = _below(sampled + torch.cat(noise), torch.from_numpy(beams.scores).unsqueeze(1))
        candidates = top_k(noisy.masked_fill(dead, -torch.inf), width)
        parents = np.arange(len(beams.lanes)).repeat(candidates.tokens.shape[1])
        tokens, scores = candidates.tokens.reshape(-1), candidates.log_probs.reshape(-1)
        best = ranked(beams, parents, tokens, scores, width)
        parents, tokens, scores = parents[best], tokens[best], scores[best]
        log_probs = beams.log_probs[parents] + token_log_probs[parents, tokens].numpy()
        return Extension(parents, tokens, log_probs, scores, scores, sampled[parents, tokens].numpy())

    return choose


def _gumbel(generator: Generator, rows: int, columns: int) -> Tensor:
    return -(-torch.rand(rows, columns, dtype=torch.float64, generator=generator).log()).log()


def _below(noisy: Tensor, greatest: Tensor) -> Tensor:
    """Gumbel variables [N V], conditioned on the maximum of each row being `greatest` [N 1] (appendix B.3)."""
    maximum = noisy.amax(dim=1, keepdim=True)
    above = greatest - noisy + torch.log1p(-(noisy - maximum).exp())
    return greatest - above.clamp_min(0) - torch.log1p((-above.abs()).exp())

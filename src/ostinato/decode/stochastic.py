"""Stochastic beam search: samples without replacement, by Gumbel's noise (Kool, van Hoof and Welling, 2019)."""

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
    """For each row `width` different hypotheses, drawn one after another from the model without replacement, in the
    order in which they were drawn; fewer where there are fewer.

    Each sequence of at most `max_length` tokens has ln p plus Gumbel noise as its `score`, and the greatest are the
    sample; the search draws the noise from the root down, so it looks only where they are. It stops when no open
    hypothesis, whose noise its continuations share out among them, is among the `width` best. Where `constraints`
    forbid tokens, the rest is drawn from in its own proportions, and `score` is of that; `log_prob` is the model's own.
    Row i draws from a generator of its own, made of the seed and i alone. Raises ConfigError and DataError as `beam`
    does.
    """
    refuse(width_problems(width, rows, max_length, 1))
    longest = each_row(max_length, rows)
    generators = [generator_of(seed, row) for row in range(rows)]
    frontier = Beams(lm, range(rows), longest, prompt, constraints)
    frontier.scores = torch.cat([_gumbel(generator, 1, 1) for generator in generators]).squeeze(1).numpy()
    return search(frontier, _noisy(width, generators), width)


def _noisy(width: int, generators: list[Generator]) -> Choose:
    def choose(frontier: Beams) -> Extension:
        said = frontier.look().cpu().double()
        dead = said.amax(dim=1, keepdim=True) == -torch.inf
        drawn = torch.from_numpy(frontier.drawn).unsqueeze(1) + said.log_softmax(dim=1)
        counts = np.bincount(frontier.lanes, minlength=len(generators)).tolist()
        noise = [_gumbel(generator, count, said.shape[1]) for generator, count in zip(generators, counts)]
        # The noise of an open hypothesis is the greatest of its sequences', so of what it grows to one has it again.
        noisy = _below(drawn + torch.cat(noise), torch.from_numpy(frontier.scores).unsqueeze(1))
        candidates = top_k(noisy.masked_fill(dead, -torch.inf), width)
        parents = np.arange(len(frontier.lanes)).repeat(candidates.tokens.shape[1])
        tokens, scores = candidates.tokens.reshape(-1), candidates.log_probs.reshape(-1)
        kept = ranked(frontier, parents, tokens, scores, width)
        parents, tokens, scores = parents[kept], tokens[kept], scores[kept]
        log_probs = frontier.log_probs[parents] + said[parents, tokens].numpy()
        return Extension(parents, tokens, log_probs, scores, scores, drawn[parents, tokens].numpy())

    return choose


def _gumbel(generator: Generator, rows: int, columns: int) -> Tensor:
    return -(-torch.rand(rows, columns, dtype=torch.float64, generator=generator).log()).log()


def _below(noisy: Tensor, greatest: Tensor) -> Tensor:
    """Gumbel variables [N V] on condition that the greatest of each row is `greatest` [N 1] (appendix B.3)."""
    found = noisy.amax(dim=1, keepdim=True)
    above = greatest - noisy + torch.log1p(-(noisy - found).exp())
    return greatest - above.clamp_min(0) - torch.log1p((-above.abs()).exp())

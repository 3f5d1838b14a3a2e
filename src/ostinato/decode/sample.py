"""Sampling: at each step a random token, by the model's probabilities."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor

from ostinato.decode.constraints.base import Constraint
from ostinato.decode.filters import keep_min_p, keep_top_k, keep_top_p, keep_typical, temper
from ostinato.decode.hypothesis import Hypothesis
from ostinato.decode.options import check, refuse
from ostinato.decode.stepwise import Choose, decode_steps, gathered, possible
from ostinato.lm import Predictor
from ostinato.padded import Padded
from ostinato.shapes import LogProbs


@dataclass(frozen=True)
class Sampling:
    """The distribution that tokens are sampled from: `temperature` first, then the filters `top_k`, `top_p` (nucleus),
    `min_p` and `typical` of `ostinato.decode.filters`, in this order; None filters nothing.

    Raises ConfigError naming every value out of range.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    typical: float | None = None

    def __post_init__(self) -> None:
        problems = []
        if not (self.temperature > 0 and math.isfinite(self.temperature)):
            problems.append(
                f"temperature: {self.temperature} is not a finite number above 0; choose one, or use greedy search"
            )
        if self.top_k is not None and not self.top_k >= 1:
            problems.append(f"top_k: {self.top_k} keeps no token; keep at least 1, or leave it out to keep all")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            problems.append(f"top_p: {self.top_p} is not a share of probability; choose one above 0 and at most 1")
        if self.min_p is not None and not 0 <= self.min_p <= 1:
            problems.append(f"min_p: {self.min_p} is not a share of the best token; choose one from 0 to 1")
        if self.typical is not None and not 0 < self.typical <= 1:
            problems.append(f"typical: {self.typical} is not a share of probability; choose one above 0 and at most 1")
        refuse(problems)

    def filtered(self, log_probs: LogProbs) -> LogProbs:
        """[N V] in float64, normalized, −∞ for tokens that cannot be sampled, from log-probabilities [N V]."""
        log_probs = temper(log_probs.double(), self.temperature)  # in float32, rounding would change samples
        if self.top_k is not None:
            log_probs = keep_top_k(log_probs, self.top_k)
        if self.top_p is not None:
            log_probs = keep_top_p(log_probs, self.top_p)
        if self.min_p is not None:
            log_probs = keep_min_p(log_probs, self.min_p)
        if self.typical is not None:
            log_probs = keep_typical(log_probs, self.typical)
        return log_probs


def sample(
    lm: Predictor,
    rows: int = 1,
    *,
    max_length: int | Sequence[int],
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
    typical: float | None = None,
    seed: int | Generator = 0,
    prompt: Padded | None = None,
    constraints: Sequence[Constraint] = (),
) -> list[Hypothesis]:
    """One random Hypothesis a row, of at most `max_length` tokens, `</s>` counted; the options are those of `Sampling`.

    `prompt` holds ids [N T] for the N = `rows` rows. Row i has its own random generator, which depends on `seed` and i
    alone, so more rows do not change the first ones. `log_prob` is the model's, not that of the filtered distribution;
    the tokens that `constraints` allow keep their proportions. Raises ConfigError for an option out of range or
    constraints that leave nothing, DataError for a prompt that the model cannot read, DivergedError for a model that
    gives NaN.
    """
    sampling = Sampling(temperature, top_k, top_p, min_p, typical)
    refuse(check(rows, max_length))
    return gathered(decode_steps(lm, _draws(sampling, seed, rows), rows, max_length, prompt, constraints), rows, lm.eos)


def sample_tokens(
    lm: Predictor,
    *,
    max_length: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
    typical: float | None = None,
    seed: int | Generator = 0,
    prompt: Padded | None = None,
    constraints: Sequence[Constraint] = (),
) -> Iterator[int]:
    """`sample` of one row, one token at a time; ends before `</s>`. `prompt` is [1 T]. Raises as `sample` does."""
    sampling = Sampling(temperature, top_k, top_p, min_p, typical)
    refuse(check(1, max_length))
    steps = decode_steps(lm, _draws(sampling, seed, 1), 1, max_length, prompt, constraints)
    return (token for step in steps for token in step.tokens if token != lm.eos)


def _draws(sampling: Sampling, seed: int | Generator, rows: int) -> Choose:
    generators = [generator_of(seed, row) for row in range(rows)]

    def draw(log_probs: LogProbs, open_rows: list[int]) -> Tensor:
        probs = sampling.filtered(possible(log_probs, open_rows)).exp()
        uniform = [torch.rand((), dtype=torch.float64, generator=generators[row]) for row in open_rows]
        return _at(probs, torch.stack(uniform).to(probs.device))

    return draw


def _at(probs: Tensor, uniform: Tensor) -> Tensor:
    """The tokens [N] at which the cumulative probabilities of `probs` [N V] pass `uniform` [N]; never one of
    probability 0."""
    cumulative = probs.cumsum(dim=1)
    tokens = torch.searchsorted(cumulative, (uniform * cumulative[:, -1]).unsqueeze(1), right=True).squeeze(1)
    last_possible = probs.shape[1] - 1 - (probs > 0).flip(1).int().argmax(dim=1)
    return torch.minimum(tokens, last_possible)


def generator_of(seed: int | Generator, row: int) -> Generator:
    """The random generator of one row. Raises ConfigError for a negative seed."""
    if isinstance(seed, Generator):
        return Generator().manual_seed(int(torch.randint(2**62, (), generator=seed, device=seed.device)))
    if seed < 0:
        refuse([f"seed: {seed} is negative; choose one of at least 0"])
    # Neighbouring seeds give a Mersenne twister neighbouring starts; numpy's sequence spreads them.
    return Generator().manual_seed(int(np.random.SeedSequence([seed, row]).generate_state(1, np.uint64)[0] >> 1))

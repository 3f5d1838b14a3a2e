"""Hypothesis: what a search found."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Hypothesis:
    """`tokens` after the prompt, without the closing `</s>`; `log_prob` is the model's ln p of them given the prompt.

    `finished` says that the model closed it: then `log_prob` includes `</s>`. Otherwise the length limit cut it.
    `score` is what the search ranked it by: `log_prob` itself, unless it was asked for more.
    """

    tokens: list[int]
    log_prob: float
    finished: bool
    score: float

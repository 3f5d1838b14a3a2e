"""Hypothesis: a sequence of tokens that a search returns, with its scores."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Hypothesis:
    """`tokens` are those after the prompt, without the closing `</s>`; `log_prob` is the model's ln p of them given the
    prompt, in nats.

    `finished` says that the model closed it, and `log_prob` includes `</s>`; otherwise the length limit cut it.
    `score` is the number that the search ranks by: `log_prob` itself, unless the search adds to it.
    """

    tokens: list[int]
    log_prob: float
    finished: bool
    score: float

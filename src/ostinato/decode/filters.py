"""Filters: the tokens that may be sampled. Each takes and returns log-probabilities [N V], −∞ for excluded tokens."""

import torch

from ostinato.shapes import LogProbs


def temper(log_probs: LogProbs, temperature: float) -> LogProbs:
    """p^(1 / temperature), normalized [N V]: below 1 sharper, above 1 flatter."""
    return (log_probs / temperature).log_softmax(dim=1)


def keep_top_k(log_probs: LogProbs, count: int) -> LogProbs:
    """The `count` most probable tokens, normalized [N V] (Fan, Lewis and Dauphin, 2018)."""
    order = log_probs.sort(dim=1, descending=True, stable=True).indices
    return _without(log_probs, order[:, count:])


def keep_top_p(log_probs: LogProbs, mass: float) -> LogProbs:
    """The fewest most probable tokens that have at least the probability `mass`, normalized [N V] (nucleus; Holtzman et
    al., 2020)."""
    ranked, order = log_probs.log_softmax(dim=1).sort(dim=1, descending=True, stable=True)
    probs = ranked.exp()
    before = probs.cumsum(dim=1) - probs
    excluded = before >= mass
    excluded[:, 0] = False
    return log_probs.masked_fill(torch.zeros_like(excluded).scatter(1, order, excluded), -torch.inf).log_softmax(dim=1)


def keep_min_p(log_probs: LogProbs, share: float) -> LogProbs:
    """Tokens at least `share` times as probable as the most probable one, normalized [N V] (Nguyen et al., 2024)."""
    if share == 0:
        return log_probs.log_softmax(dim=1)
    threshold = log_probs.amax(dim=1, keepdim=True) + torch.tensor(share, dtype=log_probs.dtype).log()
    return log_probs.masked_fill(log_probs < threshold, -torch.inf).log_softmax(dim=1)


def keep_typical(log_probs: LogProbs, mass: float) -> LogProbs:
    """The fewest tokens whose − ln p is nearest to the entropy and that have at least the probability `mass`,
    normalized [N V] (locally typical sampling; Meister et al., 2023)."""
    normal = log_probs.log_softmax(dim=1)
    probs = normal.exp()
    entropy = -(probs * normal).masked_fill(probs == 0, 0).sum(dim=1, keepdim=True)
    order = (normal + entropy).abs().sort(dim=1, stable=True).indices  # impossible tokens are infinitely far
    ranked = probs.gather(1, order)
    excluded = ranked.cumsum(dim=1) - ranked >= mass
    excluded[:, 0] = False
    return log_probs.masked_fill(torch.zeros_like(excluded).scatter(1, order, excluded), -torch.inf).log_softmax(dim=1)


def _without(log_probs: LogProbs, tokens: torch.Tensor) -> LogProbs:
    return log_probs.scatter(1, tokens, -torch.inf).log_softmax(dim=1)

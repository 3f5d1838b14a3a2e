"""Cache: recent tokens are likely to occur again (Kuhn and De Mori, 1990)."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ostinato.lm.protocol import LanguageModel, register
from ostinato.padded import Padded
from ostinato.registry import Count
from ostinato.shapes import LogProbs, Rows
from ostinato.state import State

BLOCK_COUNTS = 1 << 24
"""Comparisons of a token with a recent one that are held in memory at once."""


class CacheState(NamedTuple):
    """The last tokens [N length], the latest at the end, −1 where there is none."""

    tokens: Tensor


@register("cache", example={"length": 4})
class Cache(LanguageModel):
    """p(w) = C(w) / n among the last n ≤ `length` tokens; 1 / V before the first.

    Most tokens have probability 0: mix it with another model.

    Options:
        length: tokens that the cache holds: the last ones.
    """

    def __init__(self, length: Count = 500, *, size: int, eos: int):
        self.length, self.size, self.eos = length, size, eos

    def start(self, owner: Rows) -> CacheState:
        """No token yet, for each row of `owner` [N]."""
        return CacheState(torch.full((len(owner), self.length), -1, dtype=torch.int64, device=owner.device))

    def advance(self, state: State, tokens: Rows) -> CacheState:
        """The tokens [N] instead of the oldest."""
        return CacheState(torch.cat([state[0][:, 1:], tokens.to(torch.int64).unsqueeze(1)], dim=1))

    def log_probs(self, state: State) -> LogProbs:
        """[N V]: ln of the share of each token among the recent ones."""
        recent = state[0]
        counts = torch.zeros(len(recent), self.size + 1, dtype=torch.float64, device=recent.device)
        counts.scatter_add_(1, recent + 1, torch.ones_like(recent, dtype=torch.float64))  # column 0 counts −1
        counts = counts[:, 1:]
        return torch.where(counts.sum(1, keepdim=True) > 0, counts, 1.0).log().log_softmax(dim=1).float()

    def log_probs_of(self, state: State, candidates: Int[Tensor, "N K"]) -> Float[Tensor, "N K"]:
        """[N K]: `log_probs` of the candidates alone."""
        return self._share(state[0].unsqueeze(1), candidates)

    def token_log_probs(self, tokens: Padded, state: State) -> tuple[Float[Tensor, "N T"], State]:
        """[N T], as many steps at once as fit into memory, and the state after."""
        data = tokens.zeroed().data.to(torch.int64)
        history = torch.cat([state[0], data], dim=1)
        windows = history.unfold(1, self.length, 1)  # [N T+1 length]
        block = max(1, BLOCK_COUNTS // max(len(data) * self.length, 1))
        columns = [
            self._share(windows[:, t : min(t + block, tokens.steps)], data[:, t : t + block])
            for t in range(0, tokens.steps, block)
        ]
        log_probs = torch.cat(columns, dim=1) if columns else torch.zeros(data.shape)
        places = tokens.lengths.to(history.device).unsqueeze(1) + torch.arange(self.length, device=history.device)
        return log_probs.masked_fill(~tokens.mask, 0), CacheState(history.gather(1, places))

    def _share(self, recent: Tensor, tokens: Tensor) -> Tensor:
        """ln p of tokens [N T], each after `recent` [N T length], or [N 1 length] for all of them."""
        times = (recent == tokens.unsqueeze(-1)).sum(-1).double()
        count = (recent >= 0).sum(-1).double()
        return torch.where(count > 0, times / count.clamp_min(1), 1 / self.size).log().float()

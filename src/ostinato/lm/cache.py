"""Cache: what was said a moment ago is likely to be said again (Kuhn and De Mori, 1990)."""

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


class CacheState(NamedTuple):
    """The last tokens [N length], the latest at the end, −1 where there was none."""

    tokens: Tensor


@register("cache", example={"length": 4})
class Cache(LanguageModel):
    """p(w) = C(w) / n among the last n ≤ `length` tokens; 1 / V before the first.

    Most tokens are impossible to it: mix it with a model to which they are not.

    Options:
        length: tokens that the cache holds: the last ones.
    """

    def __init__(self, length: Count = 500, *, size: int, eos: int):
        self.length, self.size, self.eos = length, size, eos

    def start(self, owner: Rows) -> CacheState:
        """Nothing was said."""
        return CacheState(torch.full((len(owner), self.length), -1, dtype=torch.int64, device=owner.device))

    def advance(self, state: State, tokens: Rows) -> CacheState:
        """The token, in the place of the oldest."""
        return CacheState(torch.cat([state[0][:, 1:], tokens.to(torch.int64).unsqueeze(1)], dim=1))

    def log_probs(self, state: State) -> LogProbs:
        """[N V]."""
        recent = state[0]
        counts = torch.zeros(len(recent), self.size + 1, dtype=torch.float64, device=recent.device)
        counts.scatter_add_(1, recent + 1, torch.ones_like(recent, dtype=torch.float64))  # the first of them is −1's
        said = counts[:, 1:]
        return torch.where(said.sum(1, keepdim=True) > 0, said, 1.0).log().log_softmax(dim=1).float()

    def log_probs_of(self, state: State, candidates: Int[Tensor, "N K"]) -> Float[Tensor, "N K"]:
        """Counted for the candidates alone."""
        return self._share(state[0].unsqueeze(1), candidates)

    def token_log_probs(self, tokens: Padded, state: State) -> tuple[Float[Tensor, "N T"], State]:
        """As many steps at once as fit."""
        data = tokens.zeroed().data.to(torch.int64)
        seen = torch.cat([state[0], data], dim=1)
        windows = seen.unfold(1, self.length, 1)  # [N T+1 length]
        block = max(1, BLOCK_COUNTS // max(len(data) * self.length, 1))
        found = [
            self._share(windows[:, t : min(t + block, tokens.steps)], data[:, t : t + block])
            for t in range(0, tokens.steps, block)
        ]
        log_probs = torch.cat(found, dim=1) if found else torch.zeros(data.shape)
        places = tokens.lengths.to(seen.device).unsqueeze(1) + torch.arange(self.length, device=seen.device)
        return log_probs.masked_fill(~tokens.mask, 0), CacheState(seen.gather(1, places))

    def _share(self, recent: Tensor, tokens: Tensor) -> Tensor:
        """ln p of tokens [N T], each after `recent` [N T length], or [N 1 length] for all of them."""
        times = (recent == tokens.unsqueeze(-1)).sum(-1).double()
        said = (recent >= 0).sum(-1).double()
        return torch.where(said > 0, times / said.clamp_min(1), 1 / self.size).log().float()

"""CTC: searches over the frames of connectionist temporal classification (Graves et al., 2006).

A path has one label a frame, blanks among them; it spells the tokens that remain when repeated labels are merged and
then blanks dropped. The probability of a sequence of tokens is the sum over the paths that spell it.
"""

from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from ostinato.decode.hypothesis import Hypothesis
from ostinato.decode.options import refuse
from ostinato.decode.topk import not_numbers
from ostinato.padded import Padded
from ostinato.registry import Registry


class CTCSearch(Protocol):
    """From log-probabilities of labels to the hypotheses of each row."""

    def __call__(self, log_probs: Padded, *, blank: int = 0) -> list[list[Hypothesis]]:
        """For each row its hypotheses, best score first, from ln p of V labels in each frame [B T V].

        `log_prob` of a hypothesis is ln p of its tokens, summed over paths; all are finished. Raises ConfigError for a
        blank outside 0 … V − 1, DivergedError for log-probabilities that are NaN.
        """


ctc_searches: Registry[CTCSearch] = Registry(CTCSearch, "ctc-search", "ostinato.decode")
register = ctc_searches.register


@register("greedy")
def greedy_ctc_search() -> CTCSearch:
    """`greedy_ctc`: the tokens of the best path."""
    return greedy_ctc


@torch.no_grad()
def greedy_ctc(log_probs: Padded, *, blank: int = 0) -> list[list[Hypothesis]]:
    """One hypothesis for each row of ln p [B T V]: the tokens of the path with the best label in each frame (Graves et
    al., 2006, section 3.2). Its `score` is ln p of that path.

    Raises ConfigError for a blank outside 0 … V − 1, DivergedError for log-probabilities that are NaN.
    """
    labels = log_probs.data.shape[2]
    if not 0 <= blank < labels:
        refuse([f"blank: {blank} is not one of {labels} labels; give one from 0 to {labels - 1}"])
    if bool(log_probs.zeroed().data.isnan().any()):
        raise not_numbers()
    hypotheses = []
    for frames in log_probs.rows():
        best, path = frames.double().cpu().max(dim=1)
        merged: Tensor = path.unique_consecutive()  # type: ignore[no-untyped-call]
        tokens = merged[merged != blank]
        log_prob = _log_prob(frames.double().cpu(), tokens, blank)
        hypotheses.append([Hypothesis(tokens.tolist(), log_prob, True, float(best.sum()))])
    return hypotheses


def _log_prob(frames: Tensor, tokens: Tensor, blank: int) -> float:
    """ln p of tokens [S], summed over the paths through frames [T V]."""
    if not len(frames):
        return 0.0
    lengths = torch.tensor([len(frames)]), torch.tensor([len(tokens)])
    return -float(F.ctc_loss(frames.unsqueeze(1), tokens.unsqueeze(0), *lengths, blank=blank, reduction="sum"))

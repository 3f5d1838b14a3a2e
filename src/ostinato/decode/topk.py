"""Top-k: the most probable tokens of each hypothesis, of equal ones those with the lower ids."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ostinato.errors import DivergedError
from ostinato.shapes import LogProbs

BLOCK = 64
"""Tokens of a block: a large vocabulary is searched through the maxima of blocks, far faster than by `topk` alone."""


class TopK(NamedTuple):
    """ln p and id of each token [N K], best first; −∞ where nothing more is possible."""

    log_probs: npt.NDArray[np.float64]
    tokens: npt.NDArray[np.int64]


def top_k(log_probs: LogProbs, count: int) -> TopK:
    """The `count` best tokens of each row of log-probabilities [N V], or all V; K = min(count, V).

    Raises DivergedError where log-probabilities are NaN.
    """
    size = log_probs.shape[1]
    count = min(count, size)
    # One more than needed: where it equals the last, `topk` alone would choose between them at random.
    values, tokens = (each.cpu().numpy() for each in _greatest(log_probs, min(count + 1, size)))
    if np.isnan(values[:, :1]).any():
        raise not_numbers()
    values = values.astype(np.float64)
    if count < size:
        for row in np.flatnonzero((values[:, count - 1] == values[:, count]) & (values[:, count] > -np.inf)):
            tokens[row, :count] = _first(log_probs[row], float(values[row, count]), count)
            values[row, :count] = log_probs[row, tokens[row, :count]].cpu().numpy()
        values, tokens = values[:, :count], tokens[:, :count]
    if not (values[:, 1:] == values[:, :-1]).any():
        return TopK(values, tokens)
    order = np.lexsort((tokens, -values), axis=-1)
    return TopK(np.take_along_axis(values, order, 1), np.take_along_axis(tokens, order, 1))


def not_numbers() -> DivergedError:
    """The error for a model whose log-probabilities are NaN."""
    return DivergedError("decode: the model's log-probabilities are NaN; load an older checkpoint or train it again")


def _greatest(log_probs: LogProbs, count: int) -> tuple[Tensor, Tensor]:
    """The `count` greatest values [N count] and their places, in any order among equals; NaN counts as greatest."""
    size = log_probs.shape[1]
    blocks = size // BLOCK
    if log_probs.device.type != "cpu" or blocks < 4 * count:
        return log_probs.topk(count, dim=1)
    whole = log_probs[:, : blocks * BLOCK].reshape(len(log_probs), blocks, BLOCK)
    # The greatest values are in the blocks with the greatest maxima, or in the rest that fills no block.
    best_blocks = whole.amax(dim=2).topk(count, dim=1).indices
    candidates = whole.gather(1, best_blocks.unsqueeze(2).expand(-1, -1, BLOCK)).flatten(1)
    places = (best_blocks.unsqueeze(2) * BLOCK + torch.arange(BLOCK)).flatten(1)
    rest = torch.arange(blocks * BLOCK, size).expand(len(log_probs), -1)
    candidates, places = torch.cat([candidates, log_probs[:, blocks * BLOCK :]], 1), torch.cat([places, rest], 1)
    values, order = candidates.topk(count, dim=1)
    return values, places.gather(1, order)


def _first(log_probs: Tensor, least: float, count: int) -> npt.NDArray[np.int64]:
    """The places of the `count` greatest values; of those that equal `least` the first."""
    above, equal = ((log_probs > least), (log_probs == least))
    places = torch.cat([above.nonzero().squeeze(1), equal.nonzero().squeeze(1)])
    return places[:count].cpu().numpy()

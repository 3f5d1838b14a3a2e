"""Weights: how much of each of several models a linear mixture has, learnt from what a text cost each of them."""

import numpy as np
import numpy.typing as npt

from ostinato.errors import DataError

CLOSE = 1e-7
MOST_ROUNDS = 1000


def fitted(log_probs: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The weights [K] under which Σ_k w_k p_k makes a text likeliest, from ln p [K T] of its tokens by each model.

    Expectation and maximization (Jelinek and Mercer, 1980): w_k becomes the mean over tokens of w_k p_k / Σ_j w_j p_j,
    from equal ones until none moves by more than CLOSE. There is one best likelihood, and no round lowers it. Tokens
    that every model holds impossible are passed over. Raises DataError where all are, or there is none.
    """
    models = len(log_probs)
    found = np.full(models, 1 / models)
    best = log_probs.max(axis=0, initial=-np.inf)
    probs = np.exp(log_probs[:, np.isfinite(best)] - best[np.isfinite(best)])  # that 0 / 0 does not happen
    if not probs.size:
        raise DataError("mixture: no token of the text is possible to any of its models; name another text to tune on")
    for _ in range(MOST_ROUNDS):
        shares = found[:, None] * probs
        total = shares.sum(axis=0)
        after = (shares / np.where(total > 0, total, 1)).mean(axis=1)
        after /= after.sum()
        moved = np.abs(after - found).max()
        found = after
        if moved <= CLOSE:
            break
    return found

"""Expectation-maximization: the weights of a linear mixture from its models' log-probabilities of a text."""

import numpy as np
import numpy.typing as npt

from ostinato.errors import DataError

TOLERANCE = 1e-7
"""The weights are final once none changes by more."""
MOST_ROUNDS = 1000


def fit_weights(log_probs: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The weights [K] of the mixture Σ_k w_k p_k with the greatest likelihood, from ln p [K T] of T tokens by K models.

    Expectation-maximization (Jelinek and Mercer, 1980): starting from equal weights, w_k becomes the mean over tokens
    of w_k p_k / Σ_j w_j p_j. The likelihood has one maximum, and no round lowers it. Tokens to which every model gives
    probability 0 are left out. Raises DataError where no token is left.
    """
    models = len(log_probs)
    weights = np.full(models, 1 / models)
    best = log_probs.max(axis=0, initial=-np.inf)
    probs = np.exp(log_probs[:, np.isfinite(best)] - best[np.isfinite(best)])  # scaled, to avoid 0 / 0
    if not probs.size:
        raise DataError(
            "mixture: all tokens of the text have probability 0 in all models; name another text to tune on"
        )
    for _ in range(MOST_ROUNDS):
        shares = weights[:, None] * probs
        total = shares.sum(axis=0)
        update = (shares / np.where(total > 0, total, 1)).mean(axis=1)
        update /= update.sum()
        change = np.abs(update - weights).max()
        weights = update
        if change <= TOLERANCE:
            break
    return weights

"""Scoring text: what each token of a text costs under a run, a bundle, an n-gram file or a mixture of these.

`ostinato.open_scorer` opens any of them by its path. What needs no network needs no torch.
"""

from ostinato.scoring.base import TextScorer, TokenScorer, whole
from ostinato.scoring.token_scores import ScoringConditions, TokenScores, mixed

__all__ = ["ScoringConditions", "TextScorer", "TokenScorer", "TokenScores", "mixed", "whole"]

"""Search: from any language model's log-probabilities to tokens.

What is searched needs `size`, `eos`, `start`, `log_probs` and `advance`, and nothing else (`ostinato.lm.Predictor`).
"""

from ostinato.decode.beam import beam
from ostinato.decode.constraints import Constraint, Forbid, Force, MinLength, NoRepeat, Phrases, Prefix
from ostinato.decode.ctc import CTCSearch, ctc_searches, greedy_ctc
from ostinato.decode.diverse import diverse_beam
from ostinato.decode.fusion import Fusion
from ostinato.decode.generation import Generation, unknown_characters
from ostinato.decode.greedy import greedy, greedy_tokens
from ostinato.decode.hypothesis import Hypothesis
from ostinato.decode.lengths import by_source
from ostinato.decode.ranking import GNMT, AverageLogProb, Coverage, LengthPenalty, Ranking
from ostinato.decode.sample import Sampling, sample, sample_tokens
from ostinato.decode.searches import Search, searches
from ostinato.decode.stochastic import stochastic_beam

__all__ = [
    "GNMT",
    "AverageLogProb",
    "CTCSearch",
    "Constraint",
    "Coverage",
    "Forbid",
    "Force",
    "Fusion",
    "Generation",
    "Hypothesis",
    "LengthPenalty",
    "MinLength",
    "NoRepeat",
    "Phrases",
    "Prefix",
    "Ranking",
    "Sampling",
    "Search",
    "beam",
    "by_source",
    "ctc_searches",
    "diverse_beam",
    "greedy",
    "greedy_ctc",
    "greedy_tokens",
    "sample",
    "sample_tokens",
    "searches",
    "stochastic_beam",
    "unknown_characters",
]

"""Search: from any language model's log-probabilities to tokens."""

from ostinato.decode.beam import beam
from ostinato.decode.greedy import greedy, greedy_tokens
from ostinato.decode.hypothesis import Hypothesis
from ostinato.decode.sample import Sampling, sample, sample_tokens

__all__ = ["Hypothesis", "Sampling", "beam", "greedy", "greedy_tokens", "sample", "sample_tokens"]

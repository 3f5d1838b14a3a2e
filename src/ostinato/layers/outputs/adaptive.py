"""Adaptive softmax (Grave et al., 2017): less work for frequent tokens than for rare ones, which form clusters."""

from itertools import pairwise

from torch import Tensor, nn

from ostinato.errors import ConfigError
from ostinato.layers.outputs.base import Output, register
from ostinato.registry import Positive


@register("adaptive", example={"cutoffs": [3]})
class Adaptive(Output):
    """torch.nn.AdaptiveLogSoftmaxWithLoss: ids below the first of `cutoffs` have a logit each; others have one logit
    a cluster and, within it, a logit each through a layer `shrink` times narrower than that of the cluster before.

    Ids must be in order of falling frequency, as the tokenizer `word` gives them. Raises ConfigError where `cutoffs` do
    not rise from 1 to size − 1.

    Options:
        cutoffs: ids at which a new cluster begins, rising; the first is the number of frequent tokens with logits of
            their own.
        shrink: how many times narrower the layer of each cluster is than that of the one before.
    """

    def __init__(self, cutoffs: list[int], shrink: Positive = 4.0, *, inputs: int, size: int):
        super().__init__(inputs, size)
        if not cutoffs or any(a >= b for a, b in pairwise([0, *cutoffs, size])):
            raise ConfigError(
                f"output.cutoffs: {cutoffs} must rise, from 1 at least to {size - 1} at most; write, say, [2000]"
            )
        self.clusters = nn.AdaptiveLogSoftmaxWithLoss(inputs, size, cutoffs, div_value=shrink)

    def logits(self, x: Tensor) -> Tensor:
        """x [... inputs] to log-probabilities [... size], in nats."""
        log_probs: Tensor = self.clusters.log_prob(x.reshape(-1, self.inputs))
        return log_probs.reshape(*x.shape[:-1], self.size)

    def loss(self, x: Tensor, targets: Tensor) -> Tensor:
        """Cross-entropy of x [N inputs] and targets [N], summed, in nats: exact, from the targets' clusters alone."""
        log_probs: Tensor = self.clusters(x, targets).output
        return -log_probs.sum()

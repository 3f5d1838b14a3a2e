"""Adaptive softmax (Grave et al., 2017): frequent tokens cost little, rare ones share a few entries."""

from itertools import pairwise

from torch import Tensor, nn

from ostinato.errors import ConfigError
from ostinato.layers.outputs.base import Output, register
from ostinato.registry import Positive


@register("adaptive", example={"cutoffs": [3]})
class Adaptive(Output):
    """torch's AdaptiveLogSoftmaxWithLoss: ids below the first of `cutoffs` have scores of their own, the others one
    score a cluster and, within it, scores through a layer `shrink` times narrower than the cluster before it.

    Ids must come by falling frequency, as those of the tokenizer `word` do.

    Options:
        cutoffs: ids at which a new cluster begins, rising; the first is the number of frequent tokens with logits of
            their own.
        shrink: how many times narrower the layer of each cluster is than that of the one before.
    """

    def __init__(self, cutoffs: list[int], shrink: Positive = 4.0, *, inputs: int, size: int):
        super().__init__(inputs, size)
        if not cutoffs or any(a >= b for a, b in pairwise([0, *cutoffs, size])):
            raise ConfigError(
                f"output.cutoffs: {cutoffs} do not rise from above 0 to below the {size} tokens; give such, as [2000]"
            )
        self.clusters = nn.AdaptiveLogSoftmaxWithLoss(inputs, size, cutoffs, div_value=shrink)

    def logits(self, x: Tensor) -> Tensor:
        """[... inputs] to log-probabilities [... size]."""
        found: Tensor = self.clusters.log_prob(x.reshape(-1, self.inputs))
        return found.reshape(*x.shape[:-1], self.size)

    def loss(self, x: Tensor, targets: Tensor) -> Tensor:
        """Exact; computed for the clusters that the targets are in."""
        found: Tensor = self.clusters(x, targets).output
        return -found.sum()

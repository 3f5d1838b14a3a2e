"""Sampled softmax (Bengio and Senécal, 2008; Jean et al., 2015): training looks at the target and at a few others."""

import math

import torch
from torch import Tensor, nn

from ostinato.cells.affine import affine
from ostinato.layers.outputs.base import Output, register
from ostinato.registry import Count


@register("sampled", example={"samples": 4})
class Sampled(Output):
    """Scores of all tokens; while training, the distribution is over the target and `samples` tokens drawn anew for
    each batch from the log-uniform distribution q(k) = ln((k + 2) / (k + 1)) / ln(size + 1), each score less the
    logarithm of how often its token is expected among the draws, which makes it an estimate of the whole.

    Ids must come by falling frequency, as those of the tokenizer `word` do. Otherwise it costs as much as `full`.

    Options:
        samples: tokens drawn as negatives for each batch.
    """

    def __init__(self, samples: Count = 1024, *, inputs: int, size: int):
        super().__init__(inputs, size)
        self.samples = min(samples, size)
        self.weight, self.bias = nn.Parameter(torch.empty(size, inputs)), nn.Parameter(torch.zeros(size))
        nn.init.uniform_(self.weight, -1 / math.sqrt(inputs), 1 / math.sqrt(inputs))
        rank = torch.arange(size, dtype=torch.double)
        share = torch.log((rank + 2) / (rank + 1)) / math.log(size + 1)
        # Of draws with repetition, seen at least once: 1 − (1 − q)^n.
        expected = -torch.expm1(self.samples * torch.log1p(-share.clamp_max(1 - 1e-12)))
        self.register_buffer("log_expected", expected.log().float(), persistent=False)

    def logits(self, x: Tensor) -> Tensor:
        """[... inputs] to [... size]."""
        return affine(x, self.weight, self.bias)

    def loss(self, x: Tensor, targets: Tensor) -> Tensor:
        """The estimate while training, exact otherwise."""
        if not self.training:
            return nn.functional.cross_entropy(self.logits(x), targets, reduction="sum")
        drawn = self.draw(x.device)
        log_expected: Tensor = self.log_expected  # type: ignore[assignment]
        own = (x * self.weight[targets]).sum(1) + self.bias[targets] - log_expected[targets]
        others = nn.functional.linear(x, self.weight[drawn], self.bias[drawn]) - log_expected[drawn]
        others = others.masked_fill(drawn == targets.unsqueeze(1), -math.inf)  # the target stands there already
        total: Tensor = (torch.logsumexp(torch.cat([own.unsqueeze(1), others], 1), 1) - own).sum()
        return total

    def draw(self, device: torch.device) -> Tensor:
        """Different tokens, as many as `samples` draws with repetition come to."""
        uniform = torch.rand(self.samples, device=device, dtype=torch.double)
        drawn = torch.floor(torch.exp(uniform * math.log(self.size + 1))).long() - 1
        found: Tensor = torch.unique(drawn.clamp(0, self.size - 1))  # type: ignore[no-untyped-call]
        return found

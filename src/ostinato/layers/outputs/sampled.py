"""Sampled softmax (Bengio and Senécal, 2008; Jean et al., 2015): training compares the target with few other tokens."""

import math

import torch
from torch import Tensor, nn

from ostinato.kernels import affine
from ostinato.layers.outputs.base import Output, register
from ostinato.registry import Count


@register("sampled", example={"samples": 4})
class Sampled(Output):
    """A logit for each token: [... inputs] to [... size]. While training, the softmax is over the target and `samples`
    tokens, drawn anew for each batch from the log-uniform q(k) = ln((k + 2) / (k + 1)) / ln(size + 1); from each logit
    the logarithm of the token's expected count among the draws is subtracted, so that it estimates the whole softmax.

    Ids must be in order of falling frequency, as the tokenizer `word` gives them. In evaluation the loss is exact.

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
        # The probability of at least one among n draws with repetition: 1 − (1 − q)^n.
        expected = -torch.expm1(self.samples * torch.log1p(-share.clamp_max(1 - 1e-12)))
        self.register_buffer("log_expected", expected.log().float(), persistent=False)

    def logits(self, x: Tensor) -> Tensor:
        """x [... inputs] to logits [... size]."""
        return affine(x, self.weight, self.bias)

    def loss(self, x: Tensor, targets: Tensor) -> Tensor:
        """Cross-entropy of x [N inputs] and targets [N], summed, in nats: estimated while training, else exact."""
        if not self.training:
            return nn.functional.cross_entropy(self.logits(x), targets, reduction="sum")
        sampled = self.draw(x.device)
        log_expected: Tensor = self.log_expected  # type: ignore[assignment]
        own = (x * self.weight[targets]).sum(1) + self.bias[targets] - log_expected[targets]
        others = nn.functional.linear(x, self.weight[sampled], self.bias[sampled]) - log_expected[sampled]
        others = others.masked_fill(sampled == targets.unsqueeze(1), -math.inf)  # the target has its logit already
        total: Tensor = (torch.logsumexp(torch.cat([own.unsqueeze(1), others], 1), 1) - own).sum()
        return total

    def draw(self, device: torch.device) -> Tensor:
        """The different tokens among `samples` draws: at most [samples]."""
        uniform = torch.rand(self.samples, device=device, dtype=torch.double)
        ids = torch.floor(torch.exp(uniform * math.log(self.size + 1))).long() - 1
        different: Tensor = torch.unique(ids.clamp(0, self.size - 1))  # type: ignore[no-untyped-call]
        return different

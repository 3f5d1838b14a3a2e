"""Output: the last layer of a model over a vocabulary."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from ostinato.registry import Registry


class Output(nn.Module, ABC):
    """Vectors [... inputs] to a distribution over `size` tokens.

    `logits` give the distribution itself; `loss`, which training minimizes, may be smoothed or an estimate.
    """

    def __init__(self, inputs: int, size: int):
        super().__init__()
        self.inputs, self.size = inputs, size

    @abstractmethod
    def logits(self, x: Tensor) -> Tensor:
        """x [... inputs] to logits [... size]; their log-softmax is the log-probabilities, in nats."""

    @abstractmethod
    def loss(self, x: Tensor, targets: Tensor) -> Tensor:
        """x [N inputs] and targets [N] to a scalar: the sum over the targets, in nats."""


outputs: Registry[Output] = Registry(Output, "output", "ostinato.layers.outputs")
register = outputs.register

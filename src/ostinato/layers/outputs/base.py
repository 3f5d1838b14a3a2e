"""Output: the last layer of a model over a vocabulary."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from ostinato.registry import Registry


class Output(nn.Module, ABC):
    """Vectors [... inputs] to a distribution over `size` tokens.

    `loss` is what training descends and may be an estimate or smoothed; `scores` give the distribution itself.
    """

    def __init__(self, inputs: int, size: int):
        super().__init__()
        self.inputs, self.size = inputs, size

    @abstractmethod
    def logits(self, x: Tensor) -> Tensor:
        """[... inputs] to [... size]: numbers whose log-softmax are the log-probabilities."""

    @abstractmethod
    def loss(self, x: Tensor, targets: Tensor) -> Tensor:
        """x [N inputs], targets [N] -> the sum of all costs, in nats."""


outputs: Registry[Output] = Registry(Output, "output", "ostinato.layers.outputs")
register = outputs.register

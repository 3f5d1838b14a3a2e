"""The registry of optimizers, and which parameters are pulled towards zero."""

from typing import Any

from torch import nn
from torch.optim import Optimizer

from ostinato.layers import Embedding
from ostinato.registry import Registry


def groups(model: nn.Module, decay: float) -> list[dict[str, Any]]:
    """The model's parameters for a torch optimizer: those that decay, then the others.

    Biases, gains and other vectors do not decay, nor do embeddings, of which a rare token's row would otherwise shrink
    at every step in which the token does not occur.
    """
    tables = {
        id(parameter)
        for module in model.modules()
        if isinstance(module, (Embedding, nn.Embedding, nn.EmbeddingBag))
        for parameter in module.parameters(recurse=False)
    }
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    decaying = [parameter for parameter in parameters if parameter.dim() > 1 and id(parameter) not in tables]
    chosen = {id(parameter) for parameter in decaying}
    others = [parameter for parameter in parameters if id(parameter) not in chosen]
    both = [{"params": decaying, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]
    return [group for group in both if group["params"]]


optimizers: Registry[Optimizer] = Registry(Optimizer, "optimizer", "ostinato.training.optimizers")
register = optimizers.register

"""What an optimizer remembers, as named tensors: `weight.exp_avg` is the `exp_avg` of the parameter `weight`."""

from collections.abc import Mapping

from torch import Tensor, nn
from torch.optim import Optimizer


def optimizer_tensors(optimizer: Optimizer, model: nn.Module) -> dict[str, Tensor]:
    """Every tensor [...] of the optimizer's state, by name."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    tensors: dict[str, Tensor] = {}
    for parameter, memory in optimizer.state.items():
        for key, value in memory.items():
            if isinstance(value, Tensor):
                tensors[f"{names[id(parameter)]}.{key}"] = value
            elif value is not None:
                raise TypeError(f"{type(optimizer).__name__} keeps {key} as {type(value).__name__}, not as a tensor")
    return tensors


def optimizer_from(tensors: Mapping[str, Tensor], optimizer: Optimizer, model: nn.Module) -> None:
    """Sets the optimizer's state from the tensors [...] of `optimizer_tensors`."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    ordered = [names[id(parameter)] for group in optimizer.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for path, tensor in tensors.items():
        name, _, key = path.rpartition(".")
        state.setdefault(ordered.index(name), {})[key] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})

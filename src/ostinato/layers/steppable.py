"""Which compiled layers a module consists of, or why it does not: asked by `ostinato.stepper` and by search."""

from typing import Any

from torch import Tensor, nn

from ostinato import kernels
from ostinato.cells import Cell
from ostinato.errors import StreamError
from ostinato.kernels import Weights
from ostinato.kernels.stepper import Layer
from ostinato.layers.base import alteration, instance_alteration
from ostinato.layers.dropout import Dropout
from ostinato.layers.embedding import Embedding
from ostinato.layers.outputs import Full, Sampled
from ostinato.layers.recurrent import Recurrent
from ostinato.layers.stack import Stack
from ostinato.state import flatten

HOMES = ("torch.nn.", "ostinato.nn.")
"""Where the `forward` of a recurrent layer of torch.nn must come from: its own, or that of Ostinato's twin."""
SCANS = {"LSTM": kernels.lstm, "GRU": kernels.gru, "RNN_TANH": kernels.rnn_tanh, "RNN_RELU": kernels.rnn_relu}


def compiled_layers(*modules: Any) -> list[Layer]:
    """The recurrences and weights of modules that run one after another, each of them a Recurrent, a Stack of such, a
    torch.nn or ostinato.nn RNN, LSTM or GRU, or a dropout (which does nothing in evaluation).

    Raises StreamError, naming the module, where these recurrences would not compute what the modules do.
    """
    layers = [layer for module in modules for layer in _layers(module)]
    if not layers:
        raise StreamError("stepper: the model has no recurrent layer; give it one")
    return layers


def _layers(module: Any) -> list[Layer]:
    if isinstance(module, Stack):
        require_unaltered(module, Stack)
        return [layer for part in module.layers for layer in _layers(part)]
    if isinstance(module, (Dropout, nn.Dropout)):
        require_unaltered(module, Dropout if isinstance(module, Dropout) else nn.Dropout)
        return []
    if isinstance(module, Recurrent):
        return [_recurrence(module)]
    if isinstance(module, nn.RNNBase):
        return _torch_layers(module)
    raise StreamError(
        f"stepper: it cannot compile a {type(module).__name__}; give recurrent layers, a Stack of them, "
        "torch.nn.Sequential(embedding, recurrent layers, linear layer) or a language model"
    )


def embedding_table(module: nn.Module) -> Tensor:
    """[V D], the vectors of an Embedding or a torch.nn.Embedding. Raises StreamError where it gives others."""
    if isinstance(module, Embedding):
        require_unaltered(module, Embedding)
    elif isinstance(module, nn.Embedding):
        require_unaltered(module, nn.Embedding)
        if module.max_norm is not None:
            raise StreamError("stepper: the Embedding rescales its vectors as it reads them; make it without max_norm")
    else:
        raise StreamError(f"stepper: {type(module).__name__} is not an embedding; give an Embedding")
    return module.weight


def linear_head(module: nn.Module) -> tuple[Tensor, Tensor | None]:
    """The weight [V D] and the bias [V] of a torch.nn.Linear or a linear output layer; StreamError for others."""
    if isinstance(module, nn.Linear):
        require_unaltered(module, nn.Linear)
        return module.weight, module.bias
    if type(module) not in (Full, Sampled):
        raise StreamError(f"stepper: {type(module).__name__} is not a linear output layer; use stream")
    return module.weight, module.bias  # type: ignore[return-value]


def require_unaltered(module: nn.Module, kind: type[nn.Module]) -> None:
    """Raises StreamError where a call of the module does more or other things than `kind.forward`."""
    _require_none(module, alteration(module, kind))


def _require_none(module: nn.Module, reason: str | None) -> None:
    if reason:
        raise StreamError(f"stepper: {type(module).__name__} {reason}, which no step would call; use the module itself")


def _recurrence(layer: Recurrent) -> Layer:
    require_unaltered(layer, Recurrent)
    cell, name = layer.cell, type(layer.cell).__name__
    if cell.fused is None:
        raise StreamError(f"stepper: {name} has no compiled recurrence; stream the layer itself")
    for method in ("project", "scan", "run"):
        if getattr(type(cell), method) is not getattr(Cell, method) or method in vars(cell):
            raise StreamError(
                f"stepper: {name} has a {method} of its own beside the compiled recurrence; stream the layer itself"
            )
    if any(bool(leaf.any()) for leaf in flatten(layer.initial(1)).values()):
        raise StreamError(f"stepper: {name} starts from a state that is not zero; stream the layer itself")
    return cell.fused, cell.weights()


def _torch_layers(module: nn.RNNBase) -> list[Layer]:
    name = type(module).__name__
    own = not type(module).forward.__module__.startswith(HOMES)
    _require_none(module, "has a forward of its own" if own else instance_alteration(module))
    if module.bidirectional:
        raise StreamError(f"stepper: a bidirectional {name} needs the whole sequence; use one direction")
    if module.mode not in SCANS:
        raise StreamError(f"stepper: {name} is a recurrence that is not compiled; use the layer itself")

    def weight(kind: str, layer: int) -> Any:
        return getattr(module, f"{kind}_l{layer}", None)

    return [
        (
            SCANS[module.mode],
            Weights(
                weight("weight_hh", layer),
                weight("weight_ih", layer),
                weight("bias_ih", layer),
                weight("bias_hh", layer),
                weight("weight_hr", layer),
            ),
        )
        for layer in range(module.num_layers)
    ]

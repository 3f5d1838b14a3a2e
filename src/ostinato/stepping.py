"""stepper(model): a stack compiled into one C++ object that takes one element at a time and allocates nothing."""

from typing import Any

from torch import Tensor, nn

from ostinato import kernels
from ostinato.errors import StreamError
from ostinato.kernels import Weights
from ostinato.kernels.stepper import Layer, Stepper
from ostinato.layers import Dropout, Recurrent, Stack
from ostinato.layers.outputs import Full, Sampled
from ostinato.models import Language


def stepper(model: nn.Module) -> Stepper:
    """Compile a torch.nn or ostinato.nn RNN, LSTM or GRU, a Recurrent layer, a Stack of them or a language model.

    Raises StreamError where a part cannot be stepped, naming it.
    """
    if isinstance(model, Language):
        head: tuple[Tensor, Tensor | None]
        if model.head is None:
            head = (model.embedding.weight, model.bias)
        elif model.tied:
            raise StreamError(
                "stepper: the model's tied output has a projection before it; make the outputs as wide as the embedding"
            )
        elif isinstance(model.head, (Full, Sampled)):
            head = (model.head.weight, model.head.bias)
        else:
            raise StreamError(f"stepper: {type(model.head).__name__} is no linear output layer; use stream")
        return Stepper(_layers(model.body), model.embedding.weight, head)
    return Stepper(_layers(model))


def _layers(module: Any) -> list[Layer]:
    if isinstance(module, Stack):
        return [layer for part in module.layers for layer in _layers(part)]
    if isinstance(module, Dropout):
        return []  # nothing, outside training
    if isinstance(module, Recurrent):
        if module.cell.fused is None:
            raise StreamError(
                f"stepper: {type(module.cell).__name__} has no compiled recurrence; stream the layer itself"
            )
        return [(module.cell.fused, module.cell.weights())]
    if isinstance(module, nn.RNNBase):
        return _torch_layers(module)
    raise StreamError(
        f"stepper: it cannot compile a {type(module).__name__}; "
        "give a recurrent layer, a Stack of them or a language model"
    )


def _torch_layers(module: nn.RNNBase) -> list[Layer]:
    if module.bidirectional:
        raise StreamError(
            f"stepper: a bidirectional {type(module).__name__} needs the whole sequence; use one direction"
        )
    scans = {"LSTM": kernels.lstm, "GRU": kernels.gru, "RNN_TANH": kernels.rnn_tanh, "RNN_RELU": kernels.rnn_relu}

    def weight(kind: str, layer: int) -> Any:
        return getattr(module, f"{kind}_l{layer}", None)

    return [
        (
            scans[module.mode],
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

"""stepper(model): a model compiled into one C++ object that takes one element at a time and allocates nothing."""

from torch import Tensor, nn

from ostinato.errors import StreamError
from ostinato.kernels.stepper import Layer, Stepper
from ostinato.layers import Embedding
from ostinato.layers.steppable import compiled_layers, embedding_table, linear_head, require_unaltered
from ostinato.models import Language


def stepper(model: nn.Module) -> Stepper:
    """Compiles a torch.nn or ostinato.nn RNN, LSTM or GRU, a Recurrent layer, a Stack of them, a language model, or a
    torch.nn.Sequential of an embedding (or none), recurrent layers, and a linear layer (or none).

    The step gives what the model gives in evaluation, in fp32 on a CPU, from the weights of this moment. Raises
    StreamError, naming the part, where a step would not give that.
    """
    if isinstance(model, Language):
        return _language(model)
    if isinstance(model, nn.Sequential):
        return _sequential(model)
    return _compiled(compiled_layers(model))


def _language(model: Language) -> Stepper:
    if type(model) is not Language:
        raise StreamError(
            f"stepper: {type(model).__name__} is a subclass of Language and may compute something else; use stream"
        )
    require_unaltered(model, Language)
    vectors = embedding_table(model.embedding)
    if not model.tied:
        head = linear_head(model.head)  # type: ignore[arg-type]
    elif model.head is None:
        head = (vectors, model.bias)
    else:
        raise StreamError(
            "stepper: the model's tied output has a projection before it; make the outputs as wide as the embedding"
        )
    return _compiled(compiled_layers(model.body), vectors, head)


def _sequential(model: nn.Sequential) -> Stepper:
    require_unaltered(model, nn.Sequential)
    parts = list(model)
    vectors = embedding_table(parts.pop(0)) if parts and isinstance(parts[0], (Embedding, nn.Embedding)) else None
    head = linear_head(parts.pop()) if parts and isinstance(parts[-1], nn.Linear) else None
    return _compiled(compiled_layers(*parts), vectors, head)


def _compiled(
    layers: list[Layer], vectors: Tensor | None = None, head: tuple[Tensor, Tensor | None] | None = None
) -> Stepper:
    width = None if vectors is None else vectors.shape[1]
    for _, weights in layers:
        inputs = weights.input.shape[1] if weights.input is not None else width
        _require_fit(width, inputs)
        width = weights.hidden.shape[1]
    if head is not None:
        _require_fit(width, head[0].shape[1])
    return Stepper(layers, vectors, head)


def _require_fit(outputs: int | None, inputs: int | None) -> None:
    if outputs is not None and inputs != outputs:
        raise StreamError(f"stepper: one layer gives {outputs} outputs and the next takes {inputs}; make them equal")

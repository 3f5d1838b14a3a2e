"""SequenceModel: layers over tokens or features, and a linear output layer."""

from torch import nn

from ostinato.kernels import affine
from ostinato.layers import Embedding, SequenceLayer, Stack
from ostinato.layers.base import as_module, nothing, started
from ostinato.models.base import register
from ostinato.padded import Padded
from ostinato.registry import Hidden, Spec
from ostinato.state import State
from ostinato.wiring import Classes, Tokens, Values, Vectors, accepts


class SequenceModel(nn.Module):
    """Ids [B T] or features [B T D] to [B T' outputs], T' = ⌈T / stride⌉: logits of classes, or values.

    Its stride and latency are those of `body`.
    """

    def __init__(self, body: SequenceLayer, embedding: Embedding | None, outputs: int):
        super().__init__()
        self.embedding, self.body = embedding, as_module(body)
        self.latency, self.stride, self.takes_tokens = body.latency, body.stride, embedding is not None
        self.inputs, self.outputs = embedding.inputs if embedding else body.inputs, outputs
        self.head = nn.Linear(body.outputs, outputs)

    def initial(self, batch: int) -> State:
        """The state of `body` before the first step, for `batch` rows."""
        return self.body.initial(batch)

    def forward(self, x: Padded, state: State | None = None) -> tuple[Padded, State]:
        """Ids [B T] or features [B T D] to [B T' outputs]. Raises StreamError where the state does not fit."""
        state = started(self, x, state)
        if self.embedding is not None:
            x, _ = self.embedding(x)
        out, state = self.body(x, state if self.latency is not None else None)
        return self._outputs(out), state

    def finish(self, state: State) -> Padded:
        """[B T' outputs]: the outputs still due."""
        late = self.body.finish(state)
        return self._outputs(late) if late.steps else nothing(self.outputs)

    def _outputs(self, hidden: Padded) -> Padded:
        return hidden.map(lambda data: affine(data, self.head.weight, self.head.bias))


@register("sequence", example={"body": [{"name": "recurrent", "cell": {"name": "gru", "hidden": 4}}], "embedding": 3})
@accepts(inputs={"input": (Tokens, Vectors)}, outputs={"output": (Classes, Values)})
def sequence(
    body: list[Spec[SequenceLayer]],
    embedding: Hidden = 32,
    *,
    outputs: int = 2,
    symbols: int | None = None,
    features: int | None = None,
    size: int | None = None,
) -> SequenceModel:
    """Layers of any kind, one after another: over an embedding of `embedding` numbers for ids below `symbols` (where
    there are no `features`, below `size`), else over `features` numbers a step. Raises ConfigError where two layers do
    not fit.

    Options:
        body: the layers, the first of which takes the input.
        embedding: numbers in the vector of each symbol, where the inputs are symbols.
    """
    symbols = symbols or (size if features is None else None)
    table = Embedding(embedding, inputs=symbols) if symbols else None
    width, layers = embedding if symbols else int(features or 1), []
    for spec in body:
        layers.append(spec.build(inputs=width))
        width = layers[-1].outputs
    return SequenceModel(Stack(layers), table, outputs)

"""The first layer over tokens, its input product computed once for each token of the vocabulary.

x_t = E[w_t], so the first cell's part W x_t + b depends on the token alone: where a batch has more steps than the
vocabulary has tokens, V products give what B · T would, and so do their gradients.
"""

from collections.abc import Sequence

from torch import Tensor

from ostinato.cells import Cell
from ostinato.layers import Recurrent, SequenceLayer, Stack
from ostinato.layers.steppable import alteration
from ostinato.padded import Padded
from ostinato.state import State


def first_cell(body: SequenceLayer) -> Cell | None:
    """The cell that reads the embedding, where it projects each step by itself; None where another layer reads it."""
    first = _layers(body)[0]
    if not isinstance(first, Recurrent) or alteration(first, Recurrent) is not None:
        return None
    kind = type(first.cell)
    return first.cell if (kind.project, kind.run) == (Cell.project, Cell.run) else None


def read_tokens(body: SequenceLayer, cell: Cell, table: Tensor, tokens: Padded, state: State) -> tuple[Padded, State]:
    """As `body` over the embedded tokens: table [V D], ids [B T] -> [B T outputs] and the state after them."""
    rest = _layers(body)[1:]
    states = state if isinstance(body, Stack) else (state,)
    out, after = cell.run_tokens(table, tokens.zeroed().data, states[0], tokens.lengths)
    x, finals = Padded(out, tokens.lengths), [after]
    for layer, before in zip(rest, states[1:], strict=True):
        x, after = layer(x, before)
        finals.append(after)
    return x, tuple(finals) if isinstance(body, Stack) else finals[0]


def _layers(body: SequenceLayer) -> Sequence[SequenceLayer]:
    return list(body.layers) if isinstance(body, Stack) else [body]  # type: ignore[arg-type]

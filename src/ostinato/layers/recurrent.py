"""Recurrent: a cell over time."""

from torch import nn

from ostinato.cells import Cell
from ostinato.layers.base import nothing, register, started
from ostinato.padded import Padded
from ostinato.registry import Spec
from ostinato.state import State


class Recurrent(nn.Module):
    """Folds a cell over time: x [B T inputs] to [B T outputs], zeros on padding. Its state is the cell's."""

    latency: int | None = 0
    stride = 1

    def __init__(self, cell: Cell):
        super().__init__()
        self.cell = cell
        self.inputs, self.outputs = cell.inputs, cell.outputs

    def initial(self, batch: int) -> State:
        """The cell's state before the first step, for `batch` rows."""
        return self.cell.initial(batch)

    def forward(self, x: Padded, state: State | None = None) -> tuple[Padded, State]:
        """[B T inputs] to [B T outputs] and the state after each row's last real step.

        Raises StreamError where the state does not fit the cell or the batch.
        """
        state = started(self, x, state)
        out, state = self.cell.run(x.data, state, x.lengths)
        return Padded(out, x.lengths), state

    def finish(self, state: State) -> Padded:
        """No outputs: none wait."""
        return nothing(self.outputs)


@register("recurrent", example={"cell": {"name": "lstm", "hidden": 4}})
def recurrent(cell: Spec[Cell], *, inputs: int) -> Recurrent:
    """A cell over time: [B T inputs] to [B T outputs].

    Options:
        cell: the cell that is applied at every step.
    """
    return Recurrent(cell.build(inputs=inputs))

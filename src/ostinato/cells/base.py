"""Cell: one step from state to state; everything recurrent folds it over time."""

import logging
from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ostinato.cells.affine import affine
from ostinato.kernels import Scan, Weights
from ostinato.kernels.fold import fold
from ostinato.padded import Padded
from ostinato.registry import Registry
from ostinato.shapes import Features, Gates, GatesAt, Lengths, OutputAt, Outputs
from ostinato.state import State

log = logging.getLogger(__name__)


class Masks(NamedTuple):
    """Noise drawn outside the recurrence, so that it can be held still or repeated.

    `recurrent` [B H] multiplies what the state's first leaf shows to each step (one mask a sequence); `zoneout` has,
    for each leaf of the state, a boolean [B T H], true where the old value stays (Krueger et al., 2017).
    """

    recurrent: Tensor | None = None
    zoneout: tuple[Tensor, ...] | None = None


class Cell(nn.Module, ABC):
    """What of a step needs no recurrence, `project` does for all steps at once. `step` is what is left: it *defines*
    the cell, and every faster way to run it is tested against it.

    `gates` counts the blocks of `hidden` in a pre-activation; `outputs` is what a step gives out.
    """

    gates: int
    fused: Scan | None = None
    recurrent: nn.Linear

    def __init__(self, hidden: int, *, inputs: int):
        super().__init__()
        self.inputs, self.hidden, self.outputs = inputs, hidden, hidden
        self.input = nn.Linear(inputs, self.gates * hidden)

    def initial(self, batch: int) -> State:
        """The state before the first step: zeros; h alone unless a cell says otherwise."""
        return (self.zeros(batch),)

    def zeros(self, batch: int) -> Tensor:
        """[batch, hidden] of the cell's dtype and device."""
        return self.input.weight.new_zeros(batch, self.hidden)

    def project(self, x: Features, state: State) -> tuple[Gates, State]:
        """[B T D] to [B T G]. The state is for cells that also look at the inputs before."""
        return affine(x, self.input.weight, self.input.bias), state

    def weights(self) -> Weights:
        """What the compiled recurrence of a `fused` cell multiplies by and adds, the inputs' part included."""
        return Weights(self.recurrent.weight, self.input.weight, self.input.bias, self.recurrent.bias)

    @abstractmethod
    def step(self, gates: GatesAt, state: State) -> tuple[OutputAt, State]:
        """One step: the definition."""

    def forward(self, gates: GatesAt, state: State) -> tuple[OutputAt, State]:
        """`step`, under the name by which torch calls a module."""
        return self.step(gates, state)

    def run(self, x: Features, state: State, lengths: Lengths) -> tuple[Outputs, State]:
        """`project` and `scan` in one: [B T D] to [B T H]. Compiled as one where nothing of them is a cell's own."""
        if self.fused is not None and type(self).project is Cell.project and type(self).scan is Cell.scan:
            weights = self.weights()
            if self.fused.refuses(x, lengths, state, weights) is None:
                return self.fused.run(x, lengths, state, weights, self._defined)
        # What stands in the padding must not reach a gradient of the projection, not even as zero times NaN.
        gates, state = self.project(Padded(x, lengths).zeroed().data, state)
        return self.scan(gates, state, lengths)

    def run_tokens(self, table: Tensor, ids: Tensor, state: State, lengths: Lengths) -> tuple[Outputs, State]:
        """`run` over the rows `ids` [B T] of `table` [V D]: each row of the table is projected once."""
        gates, state = self.project(table.unsqueeze(0), state)
        return self.scan(nn.functional.embedding(ids, gates.squeeze(0)), state, lengths)

    def scan(self, gates: Gates, state: State, lengths: Lengths, masks: Masks | None = None) -> tuple[Outputs, State]:
        """All steps: the compiled recurrence where it can run, the fold of `step` otherwise (said once in the log)."""
        if self.fused is not None:
            weights = self.weights()._replace(input=None, input_bias=None)
            reason = "masks" if masks is not None else self.fused.refuses(gates, lengths, state, weights)
            if reason is None:
                return self.fused.run(gates, lengths, state, weights, self._defined)
            _say_once(type(self).__name__, reason)
        return self.reference(gates, state, lengths, masks)

    def _defined(self, at: Tensor, state: State, weights: Weights) -> tuple[OutputAt, State]:
        """`step`, with these weights in the place of the cell's own."""
        names = {"recurrent.weight": weights.hidden, "recurrent.bias": weights.hidden_bias}
        if weights.input is not None:
            at = nn.functional.linear(at, weights.input, weights.input_bias)
        given = {name: tensor for name, tensor in names.items() if tensor is not None}
        stepped: tuple[OutputAt, State] = torch.func.functional_call(self, given, (at, state))
        return stepped

    def reference(
        self, gates: Gates, state: State, lengths: Lengths, masks: Masks | None = None
    ) -> tuple[Outputs, State]:
        """The fold of `step`: slow, plain, differentiable any number of times."""
        if masks is None or gates.shape[1] == 0:
            return fold(self, gates, state, lengths)
        time = iter(range(gates.shape[1]))

        def noisy(gates_at: GatesAt, before: State) -> tuple[OutputAt, State]:
            t, seen = next(time), before
            if masks.recurrent is not None:
                seen = _with_first(before, before[0] * masks.recurrent)
            output, after = self.step(gates_at, seen)
            if masks.zoneout is not None:
                kept = [torch.where(keep[:, t], old, new) for keep, old, new in zip(masks.zoneout, before, after)]
                after = type(after)(*kept) if hasattr(after, "_fields") else tuple(kept)
                output = after[0]
            return output, after

        return fold(noisy, gates, state, lengths)


_said: set[tuple[str, str]] = set()


def _say_once(cell: str, reason: str) -> None:
    if torch.compiler.is_compiling() or (cell, reason) in _said:
        return
    _said.add((cell, reason))
    log.info("%s runs its step-by-step definition: the compiled recurrence does not take %s", cell, reason)


def _with_first(state: State, leaf: Tensor) -> State:
    leaves = (leaf, *state[1:])
    return type(state)(*leaves) if hasattr(state, "_fields") else leaves


cells: Registry[Cell] = Registry(Cell, "cell", "ostinato.cells")
register = cells.register

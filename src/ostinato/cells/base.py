"""Cell: one step from state to state; everything recurrent folds it over time."""

import logging
from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ostinato.kernels import Scan, Weights, affine
from ostinato.kernels.fold import fold
from ostinato.padded import Padded
from ostinato.registry import Registry
from ostinato.shapes import Features, Gates, GatesAt, Lengths, OutputAt, Outputs
from ostinato.state import State, rebuild

log = logging.getLogger(__name__)


class Masks(NamedTuple):
    """Random masks sampled outside the recurrence, so that the same noise can be applied again.

    `recurrent` [B H] multiplies the state's first leaf before each step (one mask a sequence; Gal and Ghahramani,
    2016); `zoneout` has, for each leaf of the state, a boolean [B T H], true where the old value stays (Krueger et al.,
    2017).
    """

    recurrent: Tensor | None = None
    zoneout: tuple[Tensor, ...] | None = None


class Cell(nn.Module, ABC):
    """A recurrence: `project` computes for all steps at once what needs no state, and `step` *defines* the rest. Every
    faster way to run a cell is tested against `step`.

    Sizes: `inputs` D, `hidden` H, `outputs` (H unless a cell says otherwise), and `gates`, the number of blocks of H
    units in a pre-activation, so that G = gates · H.

    Options:
        hidden: units of the state, and numbers in each output.
    """

    gates: int
    fused: Scan | None = None
    recurrent: nn.Linear

    def __init__(self, hidden: int, *, inputs: int):
        super().__init__()
        self.inputs, self.hidden, self.outputs = inputs, hidden, hidden
        self.input = nn.Linear(inputs, self.gates * hidden)

    def initial(self, batch: int) -> State:
        """The state before the first step: zeros [batch, hidden], one leaf unless a cell says otherwise."""
        return (self.zeros(batch),)

    def zeros(self, batch: int) -> Tensor:
        """Zeros [batch, hidden] of the cell's dtype and device."""
        return self.input.weight.new_zeros(batch, self.hidden)

    def project(self, x: Features, state: State) -> tuple[Gates, State]:
        """The pre-activations of all steps, x [B T D] to [B T G], and the state, which only a cell that also reads
        earlier inputs changes."""
        return affine(x, self.input.weight, self.input.bias), state

    def weights(self) -> Weights:
        """The weights of the compiled recurrence of a `fused` cell, those of its inputs included."""
        return Weights(self.recurrent.weight, self.input.weight, self.input.bias, self.recurrent.bias)

    @abstractmethod
    def step(self, gates: GatesAt, state: State) -> tuple[OutputAt, State]:
        """One step, which defines the cell: gates [B G] to outputs [B H], and the state after it."""

    def forward(self, gates: GatesAt, state: State) -> tuple[OutputAt, State]:
        """`step`, by the name under which torch calls a module: [B G] to [B H]."""
        return self.step(gates, state)

    def run(self, x: Features, state: State, lengths: Lengths) -> tuple[Outputs, State]:
        """`project` and `scan` together: x [B T D], lengths [B] to outputs [B T H] and the last state.

        One compiled call where the cell overrides neither of the two.
        """
        if self.fused is not None and type(self).project is Cell.project and type(self).scan is Cell.scan:
            weights = self.weights()
            if self.fused.refuses(x, lengths, state, weights) is None:
                return self.fused.run(x, lengths, state, weights, self._defined)
        # Padding must not reach a gradient of the projection, not even as zero times NaN.
        gates, state = self.project(Padded(x, lengths).zeroed().data, state)
        return self.scan(gates, state, lengths)

    def run_tokens(self, table: Tensor, ids: Tensor, state: State, lengths: Lengths) -> tuple[Outputs, State]:
        """`run` over the rows `ids` [B T] of `table` [V D]: each row of the table is projected once."""
        gates, state = self.project(table.unsqueeze(0), state)
        return self.scan(nn.functional.embedding(ids, gates.squeeze(0)), state, lengths)

    def scan(self, gates: Gates, state: State, lengths: Lengths, masks: Masks | None = None) -> tuple[Outputs, State]:
        """All steps: gates [B T G], lengths [B] to outputs [B T H], zero on padding, and each row's state after its
        last step. Runs the compiled recurrence, or the fold of `step` where that cannot run (logged once for each
        reason)."""
        if self.fused is not None:
            weights = self.weights()._replace(input=None, input_bias=None)
            reason = "masks" if masks is not None else self.fused.refuses(gates, lengths, state, weights)
            if reason is None:
                return self.fused.run(gates, lengths, state, weights, self._defined)
            _log_once(type(self).__name__, reason)
        return self.reference(gates, state, lengths, masks)

    def _defined(self, at: Tensor, state: State, weights: Weights) -> tuple[OutputAt, State]:
        """`step` with these weights instead of the cell's own."""
        names = {"recurrent.weight": weights.hidden, "recurrent.bias": weights.hidden_bias}
        if weights.input is not None:
            at = nn.functional.linear(at, weights.input, weights.input_bias)
        given = {name: tensor for name, tensor in names.items() if tensor is not None}
        stepped: tuple[OutputAt, State] = torch.func.functional_call(self, given, (at, state))
        return stepped

    def reference(
        self, gates: Gates, state: State, lengths: Lengths, masks: Masks | None = None
    ) -> tuple[Outputs, State]:
        """As `scan`, by folding `step` over time in plain torch: gates [B T G] to outputs [B T H]. It is slow, and
        differentiable any number of times."""
        if masks is None or gates.shape[1] == 0:
            return fold(self, gates, state, lengths)
        time = iter(range(gates.shape[1]))

        def noisy(gates_at: GatesAt, before: State) -> tuple[OutputAt, State]:
            t, seen = next(time), before
            if masks.recurrent is not None:
                seen = rebuild(before, (before[0] * masks.recurrent, *before[1:]))
            output, after = self.step(gates_at, seen)
            if masks.zoneout is not None:
                leaves = [torch.where(keep[:, t], old, new) for keep, old, new in zip(masks.zoneout, before, after)]
                after = rebuild(after, leaves)
                output = after[0]
            return output, after

        return fold(noisy, gates, state, lengths)


_logged: set[tuple[str, str]] = set()


def _log_once(cell: str, reason: str) -> None:
    if torch.compiler.is_compiling() or (cell, reason) in _logged:
        return
    _logged.add((cell, reason))
    log.info("%s runs step by step in torch: the compiled recurrence does not support %s", cell, reason)


cells: Registry[Cell] = Registry(Cell, "cell", "ostinato.cells")
register = cells.register

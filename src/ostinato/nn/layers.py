"""torch.nn's recurrent layers, run by the compiled scans.

Calls that a scan does not support, and calls with wrong arguments, go to torch's own forward, which computes the former
and raises its own errors for the latter.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from ostinato.kernels import Weights
from ostinato.kernels.constants import full_lengths
from ostinato.kernels.scan import Leaves
from ostinato.nn.definitions import KINDS, RecurrenceKind, log_fallback, watched
from ostinato.nn.packed import layout
from ostinato.nn.torchscript import Scriptable


class Steps(NamedTuple):
    """Every step of every row: x is [B T D], or [T B D] where time is first, or a PackedSequence's data [N D]."""

    x: Tensor
    lengths: Tensor  # [B] int64
    starts: Tensor | None  # [T] int64, of a PackedSequence
    time_first: bool

    def turned(self, x: Tensor) -> Tensor:
        """x with its first two axes swapped where time is first, between the layer's [T B D] and the scan's [B T D]."""
        return x.transpose(0, 1) if self.time_first else x


class LayerMixin(Scriptable, nn.RNNBase):
    """Shared by RNN, LSTM and GRU: a mixin for torch's class of the same name."""

    def forward(self, input: Any, hx: Any = None) -> Any:
        """As torch's forward: `input` [B T D] (batch_first), [T B D], [T D] or a PackedSequence, `hx` as in torch."""
        reason = watched()
        if reason:
            log_fallback(type(self).__name__, reason)
            return super().forward(input, hx)
        results = self._packed(input, hx) if isinstance(input, PackedSequence) else self._padded(input, hx)
        return super().forward(input, hx) if results is None else results

    def refuses(self) -> str | None:
        """Why torch runs every call of this layer with its present parameters ("a tensor on cuda"); None where the
        compiled scan runs it."""
        weights = self._weights()
        return KINDS[self.mode].refuses(weights[0].hidden, torch.empty(0, dtype=torch.int64, device="cpu"), (), weights)

    def _packed(self, packed: PackedSequence, hx: Any) -> Any:
        rows = layout(packed)
        if rows is None or packed.data.dim() != 2:
            return None
        if hx is not None:
            hx = self.permute_hidden(hx, packed.sorted_indices)
        results = self._run(Steps(packed.data, *rows, time_first=False), hx, (len(rows.lengths),))
        if results is None:
            return None
        final = self.permute_hidden(self._given(results[1:]), packed.unsorted_indices)
        return packed._replace(data=results[0]), final

    def _padded(self, x: Any, hx: Any) -> Any:
        if not isinstance(x, Tensor) or x.dim() not in (2, 3):
            return None
        rows, steps = 0 if self.batch_first else 1, 1 if self.batch_first else 0
        shape = (x.shape[rows],) if x.dim() == 3 else ()
        x = x if shape else x.unsqueeze(rows)
        if x.shape[steps] == 0:
            return None
        lengths = full_lengths(x.shape[rows], x.shape[steps])
        # torch samples dropout masks with time first; sampled in the same order, the masks are equal.
        turn = self.batch_first and self._drops()
        results = self._run(
            Steps(x.transpose(0, 1) if turn else x, lengths, None, time_first=turn or not self.batch_first), hx, shape
        )
        if results is None:
            return None
        outputs, *final = results
        outputs = outputs.transpose(0, 1) if turn else outputs
        if not shape:
            outputs, final = outputs.squeeze(rows), [leaf.squeeze(1) for leaf in final]
        return outputs, self._given(final)

    def _state(self, hx: Any, x: Tensor, rows: tuple[int, ...]) -> Leaves | None:
        """h [layers * directions, *rows, P], and c [..., H] where there is one; None where hx does not fit."""
        runs = len(self._all_weights)
        h, c = (runs, *rows, self.proj_size or self.hidden_size), (runs, *rows, self.hidden_size)
        return KINDS[self.mode].state(hx, x, (h, c))

    def _given(self, leaves: Any) -> Any:
        """Leaves as torch takes and returns them: a tuple for an LSTM, otherwise the tensor itself."""
        return tuple(leaves) if self.mode == "LSTM" else leaves[0]

    def _weights(self) -> list[Weights]:
        """The weights of every layer and direction, forward before reverse; read at each call, so never stale."""
        runs, own = [], self._parameters
        for names in self._all_weights:  # weight_ih, weight_hh, then the biases and weight_hr where there are such
            # The dictionary is faster than torch's attribute lookup; a parametrized weight is only an attribute.
            given: list[Any] = [own[name] if name in own else getattr(self, name) for name in names]
            input_bias, hidden_bias = given[2:4] if self.bias else (None, None)
            output = given[-1] if self.proj_size else None
            runs.append(Weights(given[1], given[0], input_bias, hidden_bias, output))
        return runs

    def _drops(self) -> bool:
        return self.training and self.dropout > 0 and self.num_layers > 1

    def _run(self, steps: Steps, hx: Any, rows: tuple[int, ...]) -> Leaves | None:
        """Outputs in the layout of `steps.x`, then the final leaves; None where torch must run or refuse the call."""
        state = self._state(hx, steps.x, rows)
        if state is None or steps.x.shape[-1] != self.input_size:
            return None
        kind, weights = KINDS[self.mode], self._weights()
        batch = steps.lengths.shape[0]
        starting: list[Leaves]
        if len(weights) == 1:  # the usual case, without the overhead of several
            starting = [tuple([leaf.reshape(batch, leaf.shape[-1]) for leaf in state])]
        else:
            each = [leaf.reshape(len(weights), batch, leaf.shape[-1]).unbind(0) for leaf in state]
            starting = list(zip(*each, strict=True))
        reason = kind.refuses(steps.turned(steps.x), steps.lengths, starting[0], weights)
        if reason:
            log_fallback(type(self).__name__, reason)
            return None
        x, ends = self._through(kind, steps, starting, weights)
        if len(ends) == 1:
            final = [leaf.unsqueeze(0) for leaf in ends[0]]
        else:
            final = [torch.stack(leaves) for leaves in zip(*ends, strict=True)]
        return kind.cast((x, *final), state, projected=self.proj_size > 0)

    def _through(
        self, kind: RecurrenceKind, steps: Steps, starting: list[Leaves], weights: list[Weights]
    ) -> tuple[Tensor, list[Leaves]]:
        """All layers, one after another: the outputs of the last, and the final leaves of every layer and direction."""
        x = steps.x
        ends: list[Leaves] = []
        for layer in range(self.num_layers):
            sides = []
            for reverse in (False, True)[: 1 + self.bidirectional]:
                run = len(ends)
                # fmt: off
                outputs, end = kind.scan.run(
                    steps.turned(x), steps.lengths, starting[run], weights[run], kind.step,
                    reverse=reverse, time_first=steps.time_first, starts=steps.starts,
                )
                # fmt: on
                sides.append(steps.turned(outputs))
                ends.append(end)
            x = torch.cat(sides, dim=-1) if self.bidirectional else sides[0]
            if self._drops() and layer < self.num_layers - 1:
                x = torch.dropout(x, self.dropout, True)
        return x, ends

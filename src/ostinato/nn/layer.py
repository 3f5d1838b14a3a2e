"""torch.nn's recurrent layers, run by the compiled scans.

What a scan cannot take, and what is not in order, goes to torch's own forward: it computes the first and refuses the
second, in its own words.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from ostinato.kernels import Weights
from ostinato.nn.kinds import KINDS, Leaves, say
from ostinato.nn.packed import layout

_ROLES = (("input", "weight_ih"), ("hidden", "weight_hh"), ("input_bias", "bias_ih"), ("hidden_bias", "bias_hh"))


class Steps(NamedTuple):
    """Every step of every row: x is [B T D], or [T B D] where time is first, or a PackedSequence's data [N D]."""

    x: Tensor
    lengths: Tensor  # [B] int64
    starts: Tensor | None  # [T] int64, of a PackedSequence
    time_first: bool

    def turned(self, x: Tensor) -> Tensor:
        """Between the layer's order of axes and the scan's, either way."""
        return x.transpose(0, 1) if self.time_first else x


class Layer(nn.RNNBase):
    """What RNN, LSTM and GRU share; to be mixed into torch's class of that name."""

    def forward(self, input: Any, hx: Any = None) -> Any:
        """As torch's forward, of a Tensor or a PackedSequence."""
        results = self._packed(input, hx) if isinstance(input, PackedSequence) else self._padded(input, hx)
        return super().forward(input, hx) if results is None else results

    def _packed(self, packed: PackedSequence, hx: Any) -> Any:
        rows = layout(packed)
        if rows is None or packed.data.dim() != 2:
            return None
        if hx is not None:
            hx = self.permute_hidden(hx, packed.sorted_indices)
        state = self._state(hx, packed.data, (len(rows.lengths),))
        results = state and self._run(Steps(packed.data, *rows, time_first=False), state)
        if not results:
            return None
        outputs, *final = results
        permuted = self.permute_hidden(self._given(final), packed.unsorted_indices)
        return PackedSequence(outputs, packed.batch_sizes, packed.sorted_indices, packed.unsorted_indices), permuted

    def _padded(self, x: Any, hx: Any) -> Any:
        if not isinstance(x, Tensor) or x.dim() not in (2, 3):
            return None
        if x.dim() == 2:
            alone = 0 if self.batch_first else 1
            state = self._state(hx, x, ())
            results = state and self._padded_rows(x.unsqueeze(alone), tuple(leaf.unsqueeze(1) for leaf in state))
            if not results:
                return None
            return results[0].squeeze(alone), self._given([leaf.squeeze(1) for leaf in results[1:]])
        state = self._state(hx, x, (x.size(0 if self.batch_first else 1),))
        results = state and self._padded_rows(x, state)
        return (results[0], self._given(results[1:])) if results else None

    def _padded_rows(self, x: Tensor, state: Leaves) -> Leaves | None:
        batch, steps = (x.shape[0], x.shape[1]) if self.batch_first else (x.shape[1], x.shape[0])
        if steps == 0:
            return None
        lengths = torch.full((batch,), steps, dtype=torch.int64)
        if self.batch_first and self._drops():  # torch drops elements in time's order: the same seed, the same ones
            results = self._run(Steps(x.transpose(0, 1), lengths, None, time_first=True), state)
            return results and (results[0].transpose(0, 1), *results[1:])
        return self._run(Steps(x, lengths, None, time_first=not self.batch_first), state)

    def _state(self, hx: Any, x: Tensor, rows: tuple[int, ...]) -> Leaves | None:
        """The leaves of hx, or zeros, each [layers * directions, *rows, size]; None where hx does not fit."""
        runs = len(self._all_weights)
        shapes = [(runs, *rows, self.proj_size or self.hidden_size), (runs, *rows, self.hidden_size)]
        shapes = shapes[: KINDS[self.mode].scan.states]
        if hx is None:
            return tuple(x.new_zeros(shape) for shape in shapes)
        leaves = tuple(hx) if isinstance(hx, (tuple, list)) else (hx,)
        if isinstance(hx, Tensor) == (self.mode == "LSTM") or len(leaves) != len(shapes):
            return None
        fits = all(isinstance(leaf, Tensor) and leaf.shape == shape for leaf, shape in zip(leaves, shapes, strict=True))
        return leaves if fits else None

    def _given(self, leaves: Any) -> Any:
        """Leaves as torch takes and gives them: a tuple of an LSTM's, the bare one of the others."""
        return tuple(leaves) if self.mode == "LSTM" else leaves[0]

    def _weights(self) -> list[Weights]:
        """Of every run, layer by layer, forward before reverse: read anew at each call, so that none is ever stale."""
        found = []
        for names in self._all_weights:
            tensors = {name.rpartition("_l")[0]: getattr(self, name) for name in names}
            weights = {role: tensors.get(name) for role, name in _ROLES}
            found.append(Weights(**weights, output=tensors.get("weight_hr")))
        return found

    def _drops(self) -> bool:
        return self.training and self.dropout > 0 and self.num_layers > 1

    def _run(self, steps: Steps, state: Leaves) -> Leaves | None:
        """Outputs in the order of `steps.x`, then the final leaves; None where it is for torch to run or to refuse."""
        kind, weights = KINDS[self.mode], self._weights()
        if steps.x.shape[-1] != self.input_size:
            return None
        x = steps.x
        starting = [tuple(leaf[run] for leaf in state) for run in range(len(weights))]
        reason = kind.refuses(steps.turned(x), steps.lengths, starting[0], weights)
        if reason:
            say(self.mode.partition("_")[0], reason)
            return None
        final: list[Leaves] = []
        directions = 2 if self.bidirectional else 1
        for layer in range(self.num_layers):
            sides = []
            for side in range(directions):
                run = len(final)
                # fmt: off
                outputs, after = kind.scan(
                    steps.turned(x), steps.lengths, starting[run], weights[run], kind.step,
                    reverse=side == 1, time_first=steps.time_first, starts=steps.starts,
                )
                # fmt: on
                sides.append(steps.turned(outputs))
                final.append(after)
            x = sides[0] if directions == 1 else torch.cat(sides, dim=-1)
            if self._drops() and layer < self.num_layers - 1:
                x = torch.dropout(x, self.dropout, True)
        ends = [torch.stack(leaves) for leaves in zip(*final, strict=True)]
        return kind.cast((x, *ends), state, self.proj_size > 0)

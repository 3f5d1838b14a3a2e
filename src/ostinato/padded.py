"""Padded: sequences of unlike lengths in one tensor. No sorting, no packing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from ostinato.errors import DataError


@dataclass(frozen=True, slots=True, eq=False)
class Padded:
    """Row i of `data` [B T ...] is real up to `lengths[i]`; what stands after it means nothing and changes nothing.

    A registered pytree: it goes through `torch.compile` and `torch.export` as its two tensors.
    """

    data: Tensor
    lengths: Tensor

    @classmethod
    def of(cls, rows: Sequence[Tensor]) -> "Padded":
        """One row a tensor [T ...], zero-padded to the longest. Raises DataError if none is given or they differ."""
        if not rows:
            raise DataError("Padded.of: there is no row to pad; pass at least one tensor")
        if len({(row.shape[1:], row.dtype) for row in rows}) > 1:
            raise DataError("Padded.of: rows differ in dtype or in an axis other than time; make them alike")
        lengths = torch.tensor([len(row) for row in rows], dtype=torch.int64)
        return cls(torch.nn.utils.rnn.pad_sequence(list(rows), batch_first=True), lengths)

    @classmethod
    def full(cls, data: Tensor) -> "Padded":
        """Every row [B T ...] real to its end."""
        return cls(data, torch.full((data.shape[0],), data.shape[1], dtype=torch.int64))

    @property
    def batch(self) -> int:
        """How many rows."""
        return self.data.shape[0]

    @property
    def steps(self) -> int:
        """How many steps the tensor has; a row may have fewer."""
        return self.data.shape[1]

    @property
    def mask(self) -> Tensor:
        """[B T]: true where a step is real."""
        return torch.arange(self.steps, device=self.data.device) < self.lengths.to(self.data.device).unsqueeze(1)

    def rows(self) -> list[Tensor]:
        """Each row without its padding."""
        return [row[:length] for row, length in zip(self.data, self.lengths.tolist())]

    def flat(self) -> Tensor:
        """[N ...]: the real steps of all rows, one row after another."""
        flat = self.data.flatten(0, 1)
        return flat if self._is_full() else flat.index_select(0, self.mask.flatten().nonzero().squeeze(1))

    def map(self, fn: Callable[[Tensor], Tensor]) -> "Padded":
        """The same lengths over `fn(data)`; `fn` keeps the first two axes."""
        return Padded(fn(self.data), self.lengths)

    def zeroed(self) -> "Padded":
        """Padding set to zero."""
        if self._is_full():
            return self
        mask = self.mask.reshape(self.batch, self.steps, *[1] * (self.data.dim() - 2))
        return self.map(lambda data: data.masked_fill(~mask, 0))

    def _is_full(self) -> bool:
        # Asked where asking is cheap: a compiled graph cannot branch on a value, and a GPU would have to be waited for.
        if torch.compiler.is_compiling() or self.lengths.device.type != "cpu":
            return False
        return bool((self.lengths == self.steps).all())

    def reversed(self) -> "Padded":
        """Each row's real steps in the opposite order; padding stays at the end."""
        steps = torch.arange(self.steps, device=self.data.device)
        lengths = self.lengths.to(self.data.device).unsqueeze(1)
        order = torch.where(steps < lengths, lengths - 1 - steps, steps)
        return self.map(lambda data: data[torch.arange(self.batch, device=data.device).unsqueeze(1), order])

    def stretched(self, steps: int) -> "Padded":
        """At least `steps` steps, by zero-padding at the end."""
        missing = steps - self.steps
        if missing <= 0:
            return self
        return self.map(lambda data: torch.cat([data, data.new_zeros(len(data), missing, *data.shape[2:])], dim=1))

    def trimmed(self) -> "Padded":
        """No step that is padding in every row."""
        longest = int(self.lengths.max()) if self.batch else 0
        return self.map(lambda data: data[:, :longest])

    def then(self, later: "Padded") -> "Padded":
        """Row by row, these steps and then those of `later`; padding only at the end."""
        # `later` may be the nothing of no rows that a layer held back.
        if later.steps == 0 and self.batch >= later.batch:
            return self
        if self.steps == 0:
            return later
        data = torch.cat([self.data, later.data], dim=1)
        steps = torch.arange(data.shape[1], device=data.device)
        mine, theirs = (lengths.to(data.device).unsqueeze(1) for lengths in (self.lengths, later.lengths))
        # The i-th real step of the result: from the first part while it lasts, then from the second.
        order = torch.where(steps < mine, steps, steps - mine + self.steps)
        order = torch.where(steps < mine + theirs, order, 0)
        joined = Padded(
            data[torch.arange(len(data), device=data.device).unsqueeze(1), order], self.lengths + later.lengths
        )
        return joined.trimmed().zeroed()

    def split(self, counts: Tensor) -> tuple["Padded", "Padded"]:
        """Row i's first `counts[i]` steps, and the rest; `counts` is at most `lengths`."""
        first = Padded(self.data, counts).trimmed()
        steps = torch.arange(self.steps, device=self.data.device)
        order = (steps + counts.to(self.data.device).unsqueeze(1)).clamp_max(max(self.steps - 1, 0))
        moved = self.data[torch.arange(self.batch, device=self.data.device).unsqueeze(1), order]
        return first, Padded(moved, self.lengths - counts).trimmed().zeroed()


pytree.register_pytree_node(
    Padded,
    lambda padded: ([padded.data, padded.lengths], None),
    lambda leaves, _: Padded(*leaves),
    flatten_with_keys_fn=lambda padded: (
        [(pytree.GetAttrKey("data"), padded.data), (pytree.GetAttrKey("lengths"), padded.lengths)],
        None,
    ),
    serialized_type_name="ostinato.padded.Padded",
    to_dumpable_context=lambda _: None,
    from_dumpable_context=lambda _: None,
)

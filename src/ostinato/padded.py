"""Padded: sequences of different lengths in one tensor, without sorting or packing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from ostinato.errors import DataError


@dataclass(frozen=True, slots=True, eq=False)
class Padded:
    """Row i of `data` [B T ...] is real up to `lengths[i]` (`lengths` [B] int64, steps); what follows is padding, which
    has no meaning and changes no result.

    A registered pytree: it goes through `torch.compile` and `torch.export` as its two tensors.
    """

    data: Tensor
    lengths: Tensor

    @classmethod
    def of(cls, rows: Sequence[Tensor]) -> "Padded":
        """Rows [T ...], each with its own T, zero-padded to the longest: data [B T ...].

        Raises DataError where `rows` is empty, or where rows differ in dtype or in an axis other than time.
        """
        if not rows:
            raise DataError("Padded.of: there are no rows; pass at least one tensor")
        if len({(row.shape[1:], row.dtype) for row in rows}) > 1:
            raise DataError("Padded.of: rows differ in dtype or in an axis other than time; make them equal")
        lengths = torch.tensor([len(row) for row in rows], dtype=torch.int64)
        return cls(torch.nn.utils.rnn.pad_sequence(list(rows), batch_first=True), lengths)

    @classmethod
    def full(cls, data: Tensor) -> "Padded":
        """`data` [B T ...] without padding: every row has length T."""
        return cls(data, torch.full((data.shape[0],), data.shape[1], dtype=torch.int64))

    @property
    def batch(self) -> int:
        """The number of rows, B."""
        return self.data.shape[0]

    @property
    def steps(self) -> int:
        """The number of steps of the tensor, T; a row may have fewer real ones."""
        return self.data.shape[1]

    @property
    def mask(self) -> Tensor:
        """Boolean [B T], true where a step is real."""
        return torch.arange(self.steps, device=self.data.device) < self.lengths.to(self.data.device).unsqueeze(1)

    def rows(self) -> list[Tensor]:
        """Each row without its padding: a view [length ...] of `data`."""
        return [row[:length] for row, length in zip(self.data, self.lengths.tolist())]

    def flat(self) -> Tensor:
        """[N ...]: the real steps of all rows, one row after another."""
        flat = self.data.flatten(0, 1)
        return flat if self._is_full() else flat.index_select(0, self.mask.flatten().nonzero().squeeze(1))

    def map(self, fn: Callable[[Tensor], Tensor]) -> "Padded":
        """`fn(data)` with the same lengths; `fn` must keep the first two axes."""
        return Padded(fn(self.data), self.lengths)

    def zeroed(self) -> "Padded":
        """The same rows with zeros as padding."""
        if self._is_full():
            return self
        mask = self.mask.reshape(self.batch, self.steps, *[1] * (self.data.dim() - 2))
        return self.map(lambda data: data.masked_fill(~mask, 0))

    def _is_full(self) -> bool:
        # Only where the check is cheap: a compiled graph cannot branch on a value, and reading it waits for a GPU.
        if torch.compiler.is_compiling() or self.lengths.device.type != "cpu":
            return False
        return bool((self.lengths == self.steps).all())

    def reversed(self) -> "Padded":
        """Each row's real steps in the reverse order; padding stays at the end."""
        steps = torch.arange(self.steps, device=self.data.device)
        lengths = self.lengths.to(self.data.device).unsqueeze(1)
        order = torch.where(steps < lengths, lengths - 1 - steps, steps)
        return self.map(lambda data: data[torch.arange(self.batch, device=data.device).unsqueeze(1), order])

    def stretched(self, steps: int) -> "Padded":
        """The same rows with at least `steps` steps, zero-padded at the end."""
        missing = steps - self.steps
        if missing <= 0:
            return self
        return self.map(lambda data: torch.cat([data, data.new_zeros(len(data), missing, *data.shape[2:])], dim=1))

    def trimmed(self) -> "Padded":
        """The same rows without the steps that are padding in every row."""
        longest = int(self.lengths.max()) if self.batch else 0
        return self.map(lambda data: data[:, :longest])

    def then(self, later: "Padded") -> "Padded":
        """Row by row, these steps followed by those of `later`; padding only at the end."""
        # `later` may have neither steps nor rows: a layer that had no outputs left gives that.
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
        """Row i's first `counts[i]` steps, and the rest; `counts` [B] int64 is at most `lengths`."""
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

"""Tolerances: how far two ways to the same number may lie apart, by dtype, in one table."""

from typing import Final

import torch
from torch import Tensor

from ostinato.padded import Padded
from ostinato.state import State, flatten

OUTPUTS: Final = {torch.float64: 1e-12, torch.float32: 1e-6, torch.float16: 2e-3, torch.bfloat16: 2e-2}
"""Another batch, another cutting, another order of the same sums: relative to the largest value compared."""
REFERENCE: Final = {torch.float64: 1e-12, torch.float32: 1e-5, torch.float16: 2e-3, torch.bfloat16: 2e-2}
"""A compiled kernel against the definition."""
GRADIENTS: Final = {torch.float64: 1e-10, torch.float32: 1e-4, torch.float16: 2e-2, torch.bfloat16: 1e-1}
"""Gradients by either way."""
HALF: Final = {torch.float32: 5e-2}
"""What was computed in bfloat16, with its eight bits, against the same in float32."""


def assert_same(found: Tensor, wanted: Tensor, what: str) -> None:
    """Bit for bit (a NaN is like itself). Raises AssertionError that says how far off the worst place is."""
    _assert_alike(found, wanted, what)
    if not torch.equal(found.nan_to_num(), wanted.nan_to_num()) or not torch.equal(found.isnan(), wanted.isnan()):
        raise AssertionError(f"{what}: not the same bits; they differ by up to {_gap(found, wanted):.2e}")


def assert_close(found: Tensor, wanted: Tensor, what: str, table: dict[torch.dtype, float] = OUTPUTS) -> None:
    """Within the table's share of the largest wanted value. Raises AssertionError that says how far off they are."""
    _assert_alike(found, wanted, what)
    if not wanted.is_floating_point():
        return assert_same(found, wanted, what)
    if wanted.numel() == 0:
        return None
    if not bool(found.isfinite().all()) or not bool(wanted.isfinite().all()):
        return assert_same(found, wanted, what)
    scale = max(float(wanted.detach().abs().max()), torch.finfo(wanted.dtype).eps)
    if _gap(found, wanted) > table[wanted.dtype] * scale:
        raise AssertionError(
            f"{what}: off by {_gap(found, wanted):.2e} where {table[wanted.dtype]:g} of {scale:.2e} is allowed"
        )
    return None


def assert_rows(found: Padded, wanted: Padded, what: str, table: dict[torch.dtype, float] = OUTPUTS) -> None:
    """The real steps of two Padded are close; their padding may be anything."""
    if found.lengths.tolist() != wanted.lengths.tolist():
        raise AssertionError(f"{what}: rows of {found.lengths.tolist()} steps where {wanted.lengths.tolist()} were due")
    for number, (mine, other) in enumerate(zip(found.rows(), wanted.rows())):
        assert_close(mine, other, f"{what}, row {number}", table)


def assert_states(found: State, wanted: State, what: str, table: dict[torch.dtype, float] = OUTPUTS) -> None:
    """Two states have the same leaves and close values; ragged leaves are compared where they are real."""
    mine, other = flatten(found), flatten(wanted)
    if mine.keys() != other.keys():
        raise AssertionError(f"{what}: leaves {sorted(mine)} where {sorted(other)} were due")
    for name, leaf in other.items():
        lengths = name.removesuffix(".data") + ".lengths"
        if name.endswith(".data") and lengths in other:
            assert_rows(Padded(mine[name], mine[lengths]), Padded(leaf, other[lengths]), f"{what}, {name}", table)
        else:
            assert_close(mine[name], leaf, f"{what}, {name}", table)


def _assert_alike(found: Tensor, wanted: Tensor, what: str) -> None:
    if found.shape != wanted.shape or found.dtype != wanted.dtype:
        raise AssertionError(
            f"{what}: {found.dtype} {list(found.shape)} where {wanted.dtype} {list(wanted.shape)} was due"
        )


def _gap(found: Tensor, wanted: Tensor) -> float:
    return float((found.detach().double() - wanted.detach().double()).abs().max()) if found.numel() else 0.0

"""Tolerances, by dtype: how far two computations of the same number may differ; and assertions that use them."""

from typing import Final

import torch
from torch import Tensor

from ostinato.padded import Padded
from ostinato.state import State, flatten

OUTPUTS: Final = {torch.float64: 1e-12, torch.float32: 1e-6, torch.float16: 2e-3, torch.bfloat16: 2e-2}
"""Outputs in another batch, cut or order of the same sums; relative to the largest value compared."""
REFERENCE: Final = {torch.float64: 1e-12, torch.float32: 1e-5, torch.float16: 2e-3, torch.bfloat16: 2e-2}
"""A compiled kernel against its definition, relative to the largest value compared."""
GRADIENTS: Final = {torch.float64: 1e-10, torch.float32: 1e-4, torch.float16: 2e-2, torch.bfloat16: 1e-1}
"""Gradients, relative to the largest value compared."""
HALF: Final = {torch.float32: 5e-2}
"""Results computed in bfloat16, which has eight bits of precision, against float32."""


def assert_same(actual: Tensor, expected: Tensor, what: str) -> None:
    """Tensors [...] are equal bit for bit (NaN equals NaN). Raises AssertionError with `what` and the largest
    difference."""
    _assert_alike(actual, expected, what)
    if not torch.equal(actual.nan_to_num(), expected.nan_to_num()) or not torch.equal(actual.isnan(), expected.isnan()):
        raise AssertionError(f"{what}: not the same bits; they differ by up to {_gap(actual, expected):.2e}")


def assert_close(actual: Tensor, expected: Tensor, what: str, table: dict[torch.dtype, float] = OUTPUTS) -> None:
    """Tensors [...] differ at most by the table's share of the largest expected value. Raises AssertionError with
    `what` and the largest difference."""
    _assert_alike(actual, expected, what)
    if not expected.is_floating_point():
        return assert_same(actual, expected, what)
    if expected.numel() == 0:
        return None
    if not bool(actual.isfinite().all()) or not bool(expected.isfinite().all()):
        return assert_same(actual, expected, what)
    scale = max(float(expected.detach().abs().max()), torch.finfo(expected.dtype).eps)
    if _gap(actual, expected) > table[expected.dtype] * scale:
        raise AssertionError(
            f"{what}: off by {_gap(actual, expected):.2e} where {table[expected.dtype]:g} of {scale:.2e} is allowed"
        )
    return None


def assert_rows(actual: Padded, expected: Padded, what: str, table: dict[torch.dtype, float] = OUTPUTS) -> None:
    """Two Padded [B T ...] have equal lengths and close real steps; padding is not compared. Raises AssertionError."""
    if actual.lengths.tolist() != expected.lengths.tolist():
        raise AssertionError(
            f"{what}: rows of {actual.lengths.tolist()} steps where {expected.lengths.tolist()} were expected"
        )
    for number, (mine, other) in enumerate(zip(actual.rows(), expected.rows())):
        assert_close(mine, other, f"{what}, row {number}", table)


def assert_states(actual: State, expected: State, what: str, table: dict[torch.dtype, float] = OUTPUTS) -> None:
    """Two states have the same leaves [B ...] with close values; padding is not compared. Raises AssertionError."""
    mine, other = flatten(actual), flatten(expected)
    if mine.keys() != other.keys():
        raise AssertionError(f"{what}: leaves {sorted(mine)} where {sorted(other)} were expected")
    for name, leaf in other.items():
        lengths = name.removesuffix(".data") + ".lengths"
        if name.endswith(".data") and lengths in other:
            assert_rows(Padded(mine[name], mine[lengths]), Padded(leaf, other[lengths]), f"{what}, {name}", table)
        else:
            assert_close(mine[name], leaf, f"{what}, {name}", table)


def _assert_alike(actual: Tensor, expected: Tensor, what: str) -> None:
    if actual.shape != expected.shape or actual.dtype != expected.dtype:
        raise AssertionError(
            f"{what}: {actual.dtype} {list(actual.shape)} where {expected.dtype} {list(expected.shape)} was expected"
        )


def _gap(actual: Tensor, expected: Tensor) -> float:
    return float((actual.detach().double() - expected.detach().double()).abs().max()) if actual.numel() else 0.0

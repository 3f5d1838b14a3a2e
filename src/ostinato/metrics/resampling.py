"""Resampling: which rows of a table a bootstrap takes (Efron, 1979), the same for every table under one seed."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

MOST_ROWS = 2048
"""Rows are resampled one by one up to this many; of more, contiguous blocks are, as many as this."""
BLOCK_COUNTS = 1 << 22
"""Counts of one pass: 32 MiB."""


def resampled_sums(table: npt.NDArray[np.float64], resamples: int, seed: int) -> npt.NDArray[np.float64]:
    """[resamples S]: sums of as many rows of the table [R S] as it has, with replacement."""
    if len(table) > MOST_ROWS:
        # Cheaper, and honest where neighbouring rows are of one text and so are not independent.
        table = np.add.reduceat(table, _block_starts(len(table)), axis=0)
    generator, rows = np.random.default_rng(seed), len(table)
    at_once = max(BLOCK_COUNTS // rows, 1)
    sums = []
    for first in range(0, resamples, at_once):
        size = min(at_once, resamples - first)
        choices = generator.integers(rows, size=(size, rows))
        offsets = np.arange(size)[:, None] * rows
        counts = np.bincount((choices + offsets).reshape(-1), minlength=size * rows).reshape(size, rows)
        sums.append(counts @ table)
    return np.concatenate(sums)


def resampled_rows(rows: int, resamples: int, seed: int) -> Iterator[npt.NDArray[np.int64]]:
    """For each resample the numbers [about R] of its rows, with replacement; blocks stay together."""
    generator = np.random.default_rng(seed)
    starts = _block_starts(rows) if rows > MOST_ROWS else np.arange(rows)
    lengths = np.diff(starts, append=rows)
    for _ in range(resamples):
        blocks = generator.integers(len(starts), size=len(starts))
        sizes = lengths[blocks]
        ends = sizes.cumsum()
        yield np.arange(ends[-1]) + np.repeat(starts[blocks] - (ends - sizes), sizes)


def _block_starts(rows: int) -> npt.NDArray[np.int64]:
    return np.arange(MOST_ROWS) * rows // MOST_ROWS

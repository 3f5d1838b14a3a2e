"""How the rows of a table become train, valid and test: files of their own, or shares by a hash of each row."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from ostinato.data.table.rows import Identities, Rows, Subset
from ostinato.errors import ConfigError, DataError
from ostinato.registry import Share

Split: TypeAlias = str | Share
"""The path of a file, or a share of the rows in [0, 1)."""

# SplitMix64 (Steele, Lea and Flood, 2014): the golden step, and its two multipliers.
GOLDEN: Final = 0x9E3779B97F4A7C15
FIRST, SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
WORD: Final = (1 << 64) - 1


def split_by_hash(rows: Rows, shares: Mapping[str, float], seed: int = 1) -> dict[str, Rows]:
    """`train` and a split for each share in [0, 1): the split of a row depends on the seed and the row's content alone.

    So equal rows are never in two splits, and a row stays in its split wherever it stands and whatever is added; the
    shares are met on average only. The rule: SplitMix64 of identity + seed, as a number u in [0, 1), falls into one of
    the shares, taken one after the other, or behind them into `train`. Rows that were left out belong to no split;
    `train` counts them. Raises ConfigError where the shares leave nothing for `train`, and DataError where a split gets
    no row.
    """
    shares = {name: share for name, share in shares.items() if share}
    if sum(shares.values()) >= 1:
        raise ConfigError(
            f"source.{', source.'.join(shares)}: shares of {' and '.join(f'{share:g}' for share in shares.values())} "
            "leave nothing to train on; make their sum less than 1"
        )
    if not shares:
        return {"train": rows}
    ends = np.cumsum(list(shares.values()))
    numbers = np.searchsorted(ends, _uniform(rows.identities(), seed), side="right")
    names = [*shares, "train"]
    splits = {
        name: Subset(rows, np.flatnonzero(numbers == number), rows.skipped if name == "train" else 0)
        for number, name in enumerate(names)
    }
    for name in ("train", *shares):
        if not len(splits[name]):
            raise DataError(
                f"{rows.name}: none of its {len(rows)} rows falls into {name} (equal rows stay together); add rows, "
                f"give {name} a file of its own or a larger share, or choose another seed"
            )
    return {name: splits[name] for name in ("train", *shares)}


def read_splits(
    read: Callable[[str, Path], Rows], path: str, valid: Split, test: Split, seed: int, folder: Path
) -> dict[str, Rows]:
    """`train`, and `valid` and `test` where they are asked for: files of their own, or shares of `path`'s rows.

    `read` gets a file's name and the folder for what is derived from it. A share of 0 leaves the split out. Raises what
    `read` raises, and errors as `split_by_hash` does.
    """
    others = {"valid": valid, "test": test}
    shares = {name: share for name, share in others.items() if not isinstance(share, str)}
    splits = split_by_hash(read(path, folder / "train"), shares, seed)
    splits |= {name: read(file, folder / name) for name, file in others.items() if isinstance(file, str)}
    return {name: splits[name] for name in ("train", "valid", "test") if name in splits}


def _uniform(identities: Identities, seed: int) -> npt.NDArray[np.float64]:
    """[N] numbers in [0, 1), by SplitMix64."""
    with np.errstate(over="ignore"):
        z = identities + np.uint64((seed + 1) * GOLDEN & WORD)
        z = (z ^ (z >> np.uint64(30))) * FIRST
        z = (z ^ (z >> np.uint64(27))) * SECOND
        z ^= z >> np.uint64(31)
    return (z >> np.uint64(11)).astype(np.float64) / float(1 << 53)

"""Lengths: the length limit of each row, fixed or relative to the length of its source."""

import math
from collections.abc import Iterable, Sequence

from ostinato.decode.options import refuse


def each_row(length: int | Sequence[int], rows: int) -> list[int]:
    """One length a row."""
    return [length] * rows if isinstance(length, int) else [int(each) for each in length]


def by_source(sources: Iterable[int], ratio: float, plus: int = 0) -> list[int]:
    """⌊ratio · source length⌋ + plus tokens for each row, at least 1: for `max_length`, and for MinLength.

    Raises ConfigError for a ratio below 0.
    """
    if not (ratio >= 0 and math.isfinite(ratio)):
        refuse([f"ratio: {ratio} is not a finite number of at least 0; 2 allows twice the length of the source"])
    return [max(1, math.floor(ratio * int(length)) + plus) for length in sources]

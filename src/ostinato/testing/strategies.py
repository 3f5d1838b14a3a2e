"""Strategies for hypothesis: lengths, cuts and tokens."""

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy


def lengths(rows: int = 4, steps: int = 9) -> SearchStrategy[list[int]]:
    """1 … `rows` rows of 0 … `steps` steps each."""
    return st.lists(st.integers(0, steps), min_size=1, max_size=rows)


@st.composite
def cuts(draw: st.DrawFn, of: list[int], pieces: int = 5) -> list[list[int]]:
    """Rows of lengths `of` cut into up to `pieces` pieces, each row at places of its own; a piece may be empty."""
    count = draw(st.integers(1, pieces))
    columns = []
    for length in of:
        ends = sorted(draw(st.lists(st.integers(0, length), min_size=count - 1, max_size=count - 1)))
        columns.append([b - a for a, b in zip([0, *ends], [*ends, length])])
    return [list(counts) for counts in zip(*columns)]


@st.composite
def ragged_and_cut(draw: st.DrawFn, rows: int = 4, steps: int = 9) -> tuple[list[int], list[list[int]]]:
    """Lengths, and cuts of rows of these lengths."""
    row_lengths = draw(lengths(rows, steps))
    return row_lengths, draw(cuts(row_lengths))


def tokens(size: int, rows: int = 4, steps: int = 9) -> SearchStrategy[list[list[int]]]:
    """Rows of ids below `size`."""
    return st.lists(st.lists(st.integers(0, size - 1), max_size=steps), min_size=1, max_size=rows)


@st.composite
def chunks(draw: st.DrawFn, of: bytes, pieces: int = 6) -> list[bytes]:
    """Bytes cut anywhere, also inside a character; a chunk may be empty."""
    ends = sorted(draw(st.lists(st.integers(0, len(of)), max_size=pieces - 1)))
    return [of[a:b] for a, b in zip([0, *ends], [*ends, len(of)])]

"""Moving digits: film frames in which a digit drifts (after Srivastava, Mansimov and Salakhutdinov, 2015)."""

import math

import numpy as np

from ostinato.data.synthetic.base import Array, Problem, SyntheticExample, answer_last_step, register
from ostinato.errors import ConfigError
from ostinato.registry import Count

# Ten digits of 5 rows of 3.
GLYPHS = np.array(
    [
        [[int(dot == "#") for dot in row] for row in glyph.split("/")]
        for glyph in (
            "###/#.#/#.#/#.#/###", ".#./##./.#./.#./###", "###/..#/###/#../###", "###/..#/###/..#/###",
            "#.#/#.#/###/..#/..#", "###/#../###/..#/###", "###/#../###/#.#/###", "###/..#/..#/..#/..#",
            "###/#.#/###/#.#/###", "###/#.#/###/..#/###",
        )
    ],
    np.float32,
)  # fmt: skip
ROWS, COLUMNS = GLYPHS.shape[1:]


@register("moving_digits", example={"steps": 3})
class MovingDigits(Problem):
    """`steps` frames of `side` × `side` dots in which one digit drifts and bounces off the edges; the target at the
    last is its direction: one of four diagonals, which no single frame shows. A guess costs ln 4 nats. Raises
    ConfigError for a side in which the digit cannot move.

    Options:
        steps: frames of a sequence.
        side: dots along each side of a frame.
    """

    classes, chance = 4, math.log(4)

    def __init__(self, steps: Count = 10, side: Count = 12):
        if side < ROWS + 2:
            raise ConfigError(
                f"problem.side: a digit of {ROWS} rows does not move in {side}; make it at least {ROWS + 2}"
            )
        self.steps, self.side = steps, side
        self.features = side * side

    def draw(self, rng: np.random.Generator, number: int) -> SyntheticExample:
        """T = steps frames [side²]; the direction in which it came to the last one."""
        digit = GLYPHS[int(rng.integers(10))]
        down, right = int(rng.integers(2)) * 2 - 1, int(rng.integers(2)) * 2 - 1
        row, column = int(rng.integers(self.side - ROWS + 1)), int(rng.integers(self.side - COLUMNS + 1))
        frames = np.zeros((self.steps, self.side, self.side), np.float32)
        for step in range(self.steps):
            if step:
                row, down = _moved(row, down, self.side - ROWS)
                column, right = _moved(column, right, self.side - COLUMNS)
            _draw(frames[step], digit, row, column)
        return answer_last_step(frames.reshape(self.steps, -1), (down > 0) * 2 + (right > 0))


def _moved(place: int, by: int, most: int) -> tuple[int, int]:
    by = by if 0 <= place + by <= most else -by
    return place + by, by


def _draw(frame: Array, digit: Array, row: int, column: int) -> None:
    frame[row : row + ROWS, column : column + COLUMNS] = digit

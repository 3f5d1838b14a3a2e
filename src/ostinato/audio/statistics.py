"""Statistics: the mean and the standard deviation of each number of a frame, over a corpus."""

import json
import math
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from ostinato.audio.features import Frames
from ostinato.errors import DataError

UNIT: Final = 2**16
"""A value is counted to the nearest 1 / UNIT."""
LARGEST: Final = 1024
AT_ONCE: Final = 1 << 10
"""Squares of LARGEST · UNIT, so many together, stay below 2^63."""


@dataclass(frozen=True)
class Statistics:
    """Sums over `frames` frames: of each number (`sums`) and its square (`squares`), in units of 1 / UNIT.

    They are integers, so nothing is rounded when they are added: the same corpus gives the same bits in any order, cut
    in any way, and by any number of processes.
    """

    frames: int
    sums: tuple[int, ...]
    squares: tuple[int, ...]

    @classmethod
    def empty(cls, width: int) -> Self:
        """The statistics of no frame of `width` numbers."""
        return cls(0, (0,) * width, (0,) * width)

    def add(self, frames: Frames) -> "Statistics":
        """The statistics with frames [T width] added.

        Raises DataError for frames of another width, and for a value that is NaN or not within ±1024, as no logarithm
        of an energy is.
        """
        self._require_width(frames)
        total = self
        for begin in range(0, len(frames), AT_ONCE):
            part = frames[begin : begin + AT_ONCE].astype(np.float64)
            fit = np.abs(part) <= LARGEST  # NaN does not
            if not fit.all():
                frame, number = np.argwhere(~fit)[0].tolist()
                raise DataError(
                    f"statistics: number {number} of frame {begin + frame} is {part[frame, number]:g}; "
                    f"pass features within ±{LARGEST}"
                )
            units = np.rint(part * UNIT).astype(np.int64)
            sums, squares = units.sum(axis=0).tolist(), (units**2).sum(axis=0).tolist()
            total = total + Statistics(len(part), tuple(sums), tuple(squares))
        return total

    def __add__(self, other: "Statistics") -> "Statistics":
        """The statistics of both corpora. Raises DataError where their frames have different widths."""
        if len(self.sums) != len(other.sums):
            raise DataError(
                f"statistics: those of {len(self.sums)} and of {len(other.sums)} numbers cannot be added; "
                "add statistics of the same features"
            )
        return Statistics(
            self.frames + other.frames,
            tuple(a + b for a, b in zip(self.sums, other.sums)),
            tuple(a + b for a, b in zip(self.squares, other.squares)),
        )

    @cached_property
    def mean(self) -> npt.NDArray[np.float64]:
        """The mean [width]. Raises DataError where no frame was counted."""
        self._require_frames()
        return np.array([total / (self.frames * UNIT) for total in self.sums])

    @cached_property
    def std(self) -> npt.NDArray[np.float64]:
        """The standard deviation [width], biased (divided by `frames`). Raises DataError where no frame was counted."""
        self._require_frames()
        # The difference of the two large numbers is taken before anything is rounded.
        spread = [self.frames * square - total**2 for total, square in zip(self.sums, self.squares)]
        return np.array([math.sqrt(each / self.frames**2) / UNIT for each in spread])

    def normalize(self, frames: Frames) -> Frames:
        """(frames − mean) / std, [T width]; where the standard deviation is 0 it is taken as 1.

        Raises DataError where no frame was counted, and for frames of another width.
        """
        self._require_width(frames)
        scale = np.where(self.std > 0, self.std, 1.0)
        return ((frames - self.mean) / scale).astype(np.float32)

    def to_json(self) -> str:
        """The sums as a JSON text, for the assets of a task; more frames can be added after `from_json`."""
        return json.dumps({"unit": UNIT, "frames": self.frames, "sums": self.sums, "squares": self.squares})

    @classmethod
    def from_json(cls, text: str) -> "Statistics":
        """The statistics that `to_json` wrote. Raises DataError for another text."""
        try:
            table = json.loads(text)
            read = cls(table["frames"], tuple(table["sums"]), tuple(table["squares"]))
            whole = all(type(each) is int for each in (read.frames, *read.sums, *read.squares))
            enough = all(read.frames * square >= total**2 for total, square in zip(read.sums, read.squares))
            if table["unit"] == UNIT and whole and read.frames >= 0 and len(read.sums) == len(read.squares) and enough:
                return read
        except (ValueError, KeyError, TypeError, RecursionError):
            pass
        raise DataError("statistics: the text does not hold statistics; compute and save them again")

    def _require_width(self, frames: Frames) -> None:
        if frames.ndim != 2 or frames.shape[1] != len(self.sums):
            raise DataError(
                f"statistics: frames are [T {len(self.sums)}], not {list(frames.shape)}; "
                "pass frames of the same features"
            )

    def _require_frames(self) -> None:
        if self.frames == 0:
            raise DataError("statistics: no frame was counted; add the training split's frames first")

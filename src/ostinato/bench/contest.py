"""Contenders for a row: callables that do the same work, and the check that they come to the same numbers."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ostinato.bench.roofline import Work
from ostinato.errors import ComparisonError

TOLERANCE = {"float32": 1e-3, "float64": 1e-9}  # of the largest number; a wrong gate order is off by far more
LEAD_SECONDS = 0.01  # longer than OpenMP's threads spin after a parallel loop


@dataclass(frozen=True)
class Contender:
    """`call` is timed. `outcome` gives the numbers to compare, in torch's layout; by default what `call` gives."""

    call: Callable[[], Any]
    outcome: Callable[[], Any] | None = None
    has_own_threads: bool = False

    def numbers(self) -> list[Tensor]:
        """What it computed, flat."""
        return [torch.as_tensor(part).detach().clone() for part in _parts((self.outcome or self.call)())]


@dataclass(frozen=True)
class Contest:
    """Ours, the rivals by name, and what there is to do."""

    ours: Contender
    work: Work
    rivals: dict[str, Contender] = field(default_factory=dict)

    def check(self, name: str) -> None:
        """Raise ComparisonError unless all come to the same numbers."""
        mine = self.ours.numbers()
        for rival, contender in self.rivals.items():
            theirs = contender.numbers()
            if len(mine) != len(theirs) or not all(map(self._agree, mine, theirs)):
                raise ComparisonError(
                    f"bench, {name}: ours and {rival} come to different numbers, so their times mean nothing; "
                    "please report it"
                )

    def _agree(self, mine: Tensor, theirs: Tensor) -> bool:
        if mine.numel() != theirs.numel():
            return False
        difference = (mine.flatten().double() - theirs.flatten().double()).abs().max()
        return bool(difference <= TOLERANCE[self.work.dtype] * (1e-6 + theirs.abs().max()))


def _parts(outcome: Any) -> Iterable[Any]:
    return outcome if isinstance(outcome, tuple) else (outcome,)

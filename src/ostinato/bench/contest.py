"""Contenders for a row: callables that do the same work, and the check that their results are equal."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ostinato.bench.roofline import Work
from ostinato.errors import ComparisonError

TOLERANCE = {
    "float32": 1e-3,
    "float64": 1e-9,
}  # relative to the largest number; a wrong order of gates differs by far more
LEAD_SECONDS = 0.01  # OpenMP's threads spin for less after a parallel loop


@dataclass(frozen=True)
class Contender:
    """`call` is timed; `outcome` gives its results in torch's layout, to be compared (default: those of `call`)."""

    call: Callable[[], Any]
    outcome: Callable[[], Any] | None = None
    has_own_threads: bool = False

    def numbers(self) -> list[Tensor]:
        """Copies of its results, tensors [...]."""
        return [torch.as_tensor(part).detach().clone() for part in _parts((self.outcome or self.call)())]


@dataclass(frozen=True)
class Contest:
    """Our contender, its rivals by name, and the work that each of them does."""

    ours: Contender
    work: Work
    rivals: dict[str, Contender] = field(default_factory=dict)

    def check(self, name: str) -> None:
        """Raises ComparisonError where the results of ours and a rival differ."""
        mine = self.ours.numbers()
        for rival, contender in self.rivals.items():
            theirs = contender.numbers()
            if len(mine) != len(theirs) or not all(map(self._agree, mine, theirs)):
                raise ComparisonError(
                    f"bench, {name}: ours and {rival} give different results, so their times cannot be compared; "
                    "please report it"
                )

    def _agree(self, mine: Tensor, theirs: Tensor) -> bool:
        if mine.numel() != theirs.numel():
            return False
        difference = (mine.flatten().double() - theirs.flatten().double()).abs().max()
        return bool(difference <= TOLERANCE[self.work.dtype] * (1e-6 + theirs.abs().max()))


def _parts(outcome: Any) -> Iterable[Any]:
    return outcome if isinstance(outcome, tuple) else (outcome,)

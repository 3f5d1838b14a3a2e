"""Problem: a rule that draws sequences and says what is to be answered where."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from ostinato.registry import Registry

Array = npt.NDArray[Any]
Dice = np.random.Generator


class SyntheticExample(NamedTuple):
    """One sequence: `inputs` ids [T] or features [T D]; `targets` [T] classes or values, of which those count that are
    `scored` [T]: the last step alone, a few, or all."""

    inputs: Array
    targets: Array
    scored: npt.NDArray[np.bool_]
    key: str = ""


class Problem(ABC):
    """What of its sequences is fixed: `symbols` ids or `features` numbers a step come in, one of `classes` goes out
    (None: a value). `chance` is what an answer that looks at nothing costs, on average: nats a scored step, or squared
    error.
    """

    symbols: int | None = None
    features: int | None = None
    classes: int | None = None
    chance: float
    pairs: ClassVar[bool] = False
    """Whether examples 2i and 2i + 1 belong together and are drawn from the same dice."""

    def __repr__(self) -> str:
        options = {name: value for name, value in vars(self).items() if isinstance(value, (int, float, str))}
        return f"{type(self).__name__}({', '.join(f'{name}={value}' for name, value in sorted(options.items()))})"

    @abstractmethod
    def draw(self, dice: Dice, number: int) -> SyntheticExample:
        """Example `number`, made of nothing but the dice and, where there are pairs, whether the number is odd."""


class Generated(Sequence[SyntheticExample]):
    """Examples reachable by number: each is drawn anew from (seed, split, number), so none is held."""

    def __init__(self, problem: Problem, count: int, seed: int, split: int, name: str):
        self.problem, self._count, self._seed, self._split, self._name = problem, count, seed, split, name

    def __repr__(self) -> str:
        return f"{self._name}, {self._count} examples, seed {self._seed}, {self.problem!r}"

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, number: Any) -> Any:
        if isinstance(number, slice):
            return [self[i] for i in range(*number.indices(self._count))]
        if not -self._count <= number < self._count:
            raise IndexError(f"{self._name}: there is no example {number} of {self._count}")
        number %= self._count
        dice = np.random.default_rng([self._seed, self._split, number // 2 if self.problem.pairs else number])
        return self.problem.draw(dice, number)._replace(key=f"{self._name}:{number}")


problems: Registry[Problem] = Registry(Problem, "problem", "ostinato.data.synthetic")
register = problems.register


def at_last(inputs: Array, answer: int | float) -> SyntheticExample:
    """A sequence whose answer is given at its last step."""
    scored = np.zeros(len(inputs), np.bool_)
    scored[-1:] = True
    targets = np.full(len(inputs), answer, np.float32 if isinstance(answer, float) else np.int64)
    return SyntheticExample(inputs, targets, scored)


def at_end(inputs: Array, answers: Array) -> SyntheticExample:
    """A sequence at whose last steps the answers are given, one a step."""
    targets, scored = np.zeros(len(inputs), np.int64), np.zeros(len(inputs), np.bool_)
    if len(answers):
        targets[-len(answers) :], scored[-len(answers) :] = answers, True
    return SyntheticExample(inputs, targets, scored)


def at_each(inputs: Array, answers: Array) -> SyntheticExample:
    """A sequence with an answer at every step."""
    return SyntheticExample(inputs, answers, np.ones(len(inputs), np.bool_))

"""Problem: a rule that draws sequences, with the targets of the steps that are scored."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from ostinato.registry import Registry

Array = npt.NDArray[Any]


class SyntheticExample(NamedTuple):
    """One sequence: `inputs` are ids [T] or features [T D], `targets` [T] classes or values. Only the steps where
    `scored` [T] is True count: the last one, some, or all. `key` is `name:number`."""

    inputs: Array
    targets: Array
    scored: npt.NDArray[np.bool_]
    key: str = ""


class Problem(ABC):
    """What its sequences have in common. A step is one of `symbols` ids or a vector of `features` numbers; its target
    is one of `classes`, or a value where that is None. `chance` is the mean loss of the best constant answer: nats a
    scored step, or squared error.
    """

    symbols: int | None = None
    features: int | None = None
    classes: int | None = None
    chance: float
    pairs: ClassVar[bool] = False
    """Whether examples 2i and 2i + 1 belong together and are drawn from the same random numbers."""

    def __repr__(self) -> str:
        options = {name: value for name, value in vars(self).items() if isinstance(value, (int, float, str))}
        return f"{type(self).__name__}({', '.join(f'{name}={value}' for name, value in sorted(options.items()))})"

    @abstractmethod
    def draw(self, rng: np.random.Generator, number: int) -> SyntheticExample:
        """Example `number`, a function of the random numbers and, where `pairs`, of whether `number` is odd."""


class Generated(Sequence[SyntheticExample]):
    """Examples by number: each is drawn from (seed, split, number) when it is asked for, so none is kept in memory."""

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
        rng = np.random.default_rng([self._seed, self._split, number // 2 if self.problem.pairs else number])
        return self.problem.draw(rng, number)._replace(key=f"{self._name}:{number}")


problems: Registry[Problem] = Registry(Problem, "problem", "ostinato.data.synthetic")
register = problems.register


def answer_last_step(inputs: Array, answer: int | float) -> SyntheticExample:
    """The example of a sequence [T] or [T D] whose last step is scored, against one class or value."""
    scored = np.zeros(len(inputs), np.bool_)
    scored[-1:] = True
    targets = np.full(len(inputs), answer, np.float32 if isinstance(answer, float) else np.int64)
    return SyntheticExample(inputs, targets, scored)


def answer_last_steps(inputs: Array, answers: Array) -> SyntheticExample:
    """The example of a sequence [T] or [T D] whose last steps are scored, against one of `answers` [A] each."""
    targets, scored = np.zeros(len(inputs), np.int64), np.zeros(len(inputs), np.bool_)
    if len(answers):
        targets[-len(answers) :], scored[-len(answers) :] = answers, True
    return SyntheticExample(inputs, targets, scored)


def answer_every_step(inputs: Array, answers: Array) -> SyntheticExample:
    """The example of a sequence [T] or [T D] whose every step is scored, against one of `answers` [T] each."""
    return SyntheticExample(inputs, answers, np.ones(len(inputs), np.bool_))

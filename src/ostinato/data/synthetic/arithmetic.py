"""Problems of counting and composing: adding, parity, modular arithmetic, permutations."""

import itertools
import math
from typing import Literal

import numpy as np

from ostinato.data.synthetic.base import Problem, SyntheticExample, answer_every_step, answer_last_step, register
from ostinato.errors import ConfigError
from ostinato.registry import Count


@register("adding", example={"steps": 6})
class Adding(Problem):
    """The adding problem (Hochreiter and Schmidhuber, 1997, section 5.4; as Le, Jaitly and Hinton, 2015): a value in
    [0, 1) and a mark at each step; the target at the end is the sum of the two marked values, one in either half.

    The constant answer 1 has a squared error of 1/6 = 0.1667, the variance of the sum; the second paper gives 0.1767.
    Raises ConfigError for fewer than 2 steps.

    Options:
        steps: steps of a sequence.
    """

    features, classes, chance = 2, None, 1 / 6

    def __init__(self, steps: Count = 100):
        if steps < 2:
            raise ConfigError("problem.steps: two values are to be added; make it at least 2")
        self.steps = steps

    def draw(self, rng: np.random.Generator, number: int) -> SyntheticExample:
        """T = steps, scored at the last."""
        values, half = rng.random(self.steps, np.float32), self.steps // 2
        marks = np.zeros(self.steps, np.float32)
        marked = [int(rng.integers(half)), int(rng.integers(half, self.steps))]
        marks[marked] = 1
        return answer_last_step(np.stack([values, marks], 1), float(values[marked].sum()))


@register("parity", example={"steps": 6})
class Parity(Problem):
    """Bits; the target is whether the number of ones so far is odd, at each step or at the last. No sum over parts of
    the input solves it (Minsky and Papert, 1969). A guess costs ln 2 nats.

    Options:
        steps: bits of a sequence.
        answer: whether the parity is asked for at each step or at the last.
    """

    symbols, classes, chance = 2, 2, math.log(2)

    def __init__(self, steps: Count = 40, answer: Literal["each", "last"] = "last"):
        self.steps, self.answer = steps, answer

    def draw(self, rng: np.random.Generator, number: int) -> SyntheticExample:
        """T = steps."""
        bits = rng.integers(2, size=self.steps)
        so_far = np.cumsum(bits) % 2
        return answer_every_step(bits, so_far) if self.answer == "each" else answer_last_step(bits, int(so_far[-1]))


@register("modular_arithmetic", example={"operations": 3})
class ModularArithmetic(Problem):
    """A chain such as 3 + 4 × 2 − 1 worked out from left to right modulo `modulus` (Delétang et al., 2023, without
    brackets or precedence: a finite automaton). A guess costs ln(modulus) nats.

    Options:
        operations: operations of a chain.
        modulus: the modulus, and how many digits there are.
    """

    def __init__(self, operations: Count = 20, modulus: Count = 5):
        self.operations, self.modulus = operations, modulus
        self.symbols, self.classes, self.chance = modulus + 3, modulus, math.log(modulus)

    def draw(self, rng: np.random.Generator, number: int) -> SyntheticExample:
        """T = 2 operations + 1: digits with operators between them, scored at the last."""
        digits = rng.integers(self.modulus, size=self.operations + 1)
        operators = rng.integers(3, size=self.operations)
        inputs = np.empty(2 * self.operations + 1, np.int64)
        inputs[::2], inputs[1::2] = digits, self.modulus + operators
        value = int(digits[0])
        for operator, digit in zip(operators.tolist(), digits[1:].tolist()):
            value = (value + digit, value - digit, value * digit)[operator] % self.modulus
        return answer_last_step(inputs, value)


@register("permutations", example={"steps": 4, "elements": 3})
class Permutations(Problem):
    """Permutations of `elements` things, one a step; the target at each step is the product of all so far (Merrill,
    Petty and Sabharwal, 2024): with 5 things, a word problem that no constant-depth transformer or linear recurrence
    with diagonal gates solves at every length. A guess costs ln(elements!) nats. Raises ConfigError for more than 6
    elements.

    Options:
        steps: permutations of a sequence.
        elements: how many things are permuted.
    """

    def __init__(self, steps: Count = 16, elements: Count = 5):
        if elements > 6:
            raise ConfigError(f"problem.elements: {elements}! permutations are too many; make it at most 6")
        self.steps = steps
        self.all = np.array(list(itertools.permutations(range(elements))))
        self._number = {tuple(each): i for i, each in enumerate(self.all.tolist())}
        self.symbols = self.classes = len(self.all)
        self.chance = math.log(len(self.all))

    def draw(self, rng: np.random.Generator, number: int) -> SyntheticExample:
        """T = steps; the later permutation is applied to the result of the earlier ones."""
        inputs = rng.integers(len(self.all), size=self.steps)
        so_far, answers = self.all[0], []
        for each in inputs.tolist():
            so_far = self.all[each][so_far]
            answers.append(self._number[tuple(so_far.tolist())])
        return answer_every_step(inputs, np.array(answers))

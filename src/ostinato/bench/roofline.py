"""The least time that a call's arithmetic and memory traffic take on a machine (Williams et al., 2009).

A recurrence reads its weights, g H^2 numbers, at every step, from the level of memory that holds them. So a layer is a
chain of phases, and each takes the longer of two times:

    operations / peak        bytes / bandwidth of the level that holds what is read

Operations are those of the matrix products, two for a multiply-add; sigmoid, tanh and synchronization are not counted.
`with_map` adds the time of our kernels' pointwise map alone, which no arrangement of the products can avoid.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from ostinato.bench.ceiling import Ceiling

GATES = {"lstm": 4, "gru": 3, "rnn": 1}
SQUASHES = {"lstm": 5, "gru": 3, "rnn": 1}  # sigmoids and tanhs a unit and step
SAVED = {"lstm": 6, "gru": 5, "rnn": 1}  # numbers a unit and step that the backward pass reads: gates, sums, state


@dataclass(frozen=True)
class Phase:
    """A part of a call: `operations`, `weights` bytes read `times` times, `once` bytes read or written once."""

    operations: int
    weights: int
    times: int
    once: int

    def seconds(self, ceiling: Ceiling, dtype: str) -> float:
        """The lower bound of this phase's time, in seconds."""
        traffic = self.times * self.weights / ceiling.bytes_per_second(self.weights)
        traffic += self.once / ceiling.bytes_per_second(self.once)
        return max(self.operations / ceiling.flops[dtype], traffic)


@dataclass(frozen=True)
class Work:
    """Phases that follow one another, and the number of sigmoids and tanhs, `squashes`."""

    phases: tuple[Phase, ...]
    dtype: str = "float32"
    squashes: int = 0

    @property
    def operations(self) -> int:
        """Operations of all phases."""
        return sum(phase.operations for phase in self.phases)

    def seconds(self, ceiling: Ceiling) -> float:
        """The lower bound of the whole call's time, in seconds."""
        return sum(phase.seconds(ceiling, self.dtype) for phase in self.phases)


def product(rows: int, inputs: int, outputs: int, bytes_each: int, train: bool) -> Iterable[Phase]:
    """The phases of a product of [rows inputs] and [inputs outputs], in training also those of both gradients."""
    once = (rows * inputs + rows * outputs) * bytes_each
    return (1 + 2 * train) * [Phase(2 * rows * inputs * outputs, inputs * outputs * bytes_each, 1, once)]


def recurrence(
    cell: str, elements: int, steps: int, inputs: int, hidden: int, bytes_each: int, train: bool
) -> Iterable[Phase]:
    """The phases of one layer in one direction. `elements` is the number of steps of all rows together."""
    gates = GATES[cell]
    weights = gates * hidden**2 * bytes_each
    saved = SAVED[cell] * elements * hidden * bytes_each if train else 0
    y = elements * hidden * bytes_each
    yield from product(elements, inputs, gates * hidden, bytes_each, train)
    yield Phase(2 * elements * gates * hidden**2, weights, steps, y + saved)
    if train:
        yield Phase(2 * elements * gates * hidden**2, weights, steps, y + saved)
        yield Phase(2 * elements * gates * hidden**2, weights, 1, (1 + gates) * y)  # the recurrent weights' gradient


def with_map(work: Work, ceiling: Ceiling, what: str) -> float:
    """Seconds of the roofline and of the pointwise map together."""
    return work.seconds(ceiling) + work.squashes * ceiling.squashing[what]

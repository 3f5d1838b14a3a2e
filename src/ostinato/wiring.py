"""Wiring: what goes into a model and comes out of it, by name; declared by tasks and models, so that a recipe whose
parts do not fit one another is refused before anything is built."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from ostinato.errors import ConfigError

C = TypeVar("C", bound=Callable[..., Any])


@dataclass(frozen=True)
class Tokens:
    """Ids [B T] of `size` tokens; `eos` is the boundary token, where a sequence has one."""

    size: int
    eos: int | None = None


@dataclass(frozen=True)
class Vectors:
    """Real vectors [B T width]."""

    width: int


@dataclass(frozen=True)
class Image:
    """Pictures [B *shape], channels first."""

    shape: tuple[int, int, int]


@dataclass(frozen=True)
class Classes:
    """One of `count` classes; the model gives `count` logits."""

    count: int


@dataclass(frozen=True)
class Binary:
    """`count` labels, each present or absent; the model gives `count` logits."""

    count: int


@dataclass(frozen=True)
class Values:
    """`count` real numbers."""

    count: int


Port: TypeAlias = Tokens | Vectors | Image | Classes | Binary | Values
Kinds: TypeAlias = tuple[type, ...]


@dataclass(frozen=True)
class Wiring:
    """The inputs and outputs of a model by name, with their sizes; known once a task has seen its data."""

    inputs: Mapping[str, Port]
    outputs: Mapping[str, Port]


@dataclass(frozen=True)
class Ports:
    """The kinds of inputs and outputs by name, known before there are data: of a task, those that it may need; of a
    model, those that it takes."""

    inputs: Mapping[str, Kinds] = field(default_factory=dict)
    outputs: Mapping[str, Kinds] = field(default_factory=dict)


def accepts(*, inputs: Mapping[str, Kinds], outputs: Mapping[str, Kinds]) -> Callable[[C], C]:
    """Declare what a model's constructor takes. A model that declares nothing takes whatever its constructor does."""

    def declare(constructor: C) -> C:
        constructor.ports = Ports(inputs, outputs)  # type: ignore[attr-defined]
        return constructor

    return declare


def declared(constructor: Callable[..., Any]) -> Ports | None:
    """What `accepts` declared of a model's constructor; None where it declared nothing."""
    return getattr(constructor, "ports", None)


def misfits(needed: Ports, taken: Ports, task: str, model: str) -> list[str]:
    """A sentence for each input and output that the task needs and the model does not take, or takes in another
    kind."""
    problems = []
    sides = (("input", needed.inputs, taken.inputs), ("output", needed.outputs, taken.outputs))
    for side, wants, offers in sides:
        for name, kinds in wants.items():
            if name not in offers:
                problems.append(
                    f"model: '{model}' has no {side} '{name}', which the task '{task}' needs (it has "
                    f"{', '.join(offers) or 'none'}); choose a model made for that task"
                )
            elif not set(kinds) & set(offers[name]):
                problems.append(
                    f"model: the {side} of '{model}' is {_names(offers[name])}, and the task '{task}' needs "
                    f"{_names(kinds)}; choose a model made for that task"
                )
        for name in offers.keys() - wants.keys():
            problems.append(
                f"model: '{model}' needs an {side} '{name}', which the task '{task}' does not have; choose a model "
                "made for that task"
            )
    return problems


def check_wiring(wiring: Wiring, taken: Ports | None, task: str, model: str) -> None:
    """Raises ConfigError where a model does not take what the task's data turned out to need."""
    if taken is None:
        return
    exact = Ports(
        {name: (type(port),) for name, port in wiring.inputs.items()},
        {name: (type(port),) for name, port in wiring.outputs.items()},
    )
    problems = misfits(exact, taken, task, model)
    if problems:
        raise ConfigError(problems)


def _names(kinds: Kinds) -> str:
    words = {Tokens: "tokens", Vectors: "features", Image: "a picture", Classes: "classes", Binary: "labels"}
    return " or ".join(words.get(kind, kind.__name__.lower()) for kind in kinds)

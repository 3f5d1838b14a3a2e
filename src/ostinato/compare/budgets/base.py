"""Budget: what all contestants have the same amount of: parameters, operations or time."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from ostinato.errors import ConfigError
from ostinato.registry import Registry, Table

SOLVED = "solved"
"""The value of a size in a recipe that the budget of parameters is to choose."""

ENDS = ("steps", "epochs", "seconds")
"""The keys of [train] that say how long to train."""


class Scales(Protocol):
    """The parameters and operations of the model of a recipe."""

    def parameters(self, table: Table) -> int:
        """The number of parameters. Raises ConfigError for a recipe with a problem."""

    def flops(self, table: Table) -> int:
        """The floating-point operations of one update. Raises ConfigError for a recipe with a problem."""


class Budget(ABC):
    """Sets the keys of a contestant's recipe that it decides. `words` says what is the same for all contestants."""

    words: str

    @abstractmethod
    def apply(self, table: Table, scales: Scales) -> dict[str, Any]:
        """The recipe's tables with the budget's keys; `table` stays as it is. Raises ConfigError where the budget
        cannot be met."""


budgets: Registry[Budget] = Registry(Budget, "budget", "ostinato.compare.budgets")
register = budgets.register


def size_in(before: Table, after: Table) -> int | None:
    """The size that replaced "solved" in the tables; None where there is no "solved"."""
    values = dict(leaves(after))
    return next((values[path] for path, value in leaves(before) if value == SOLVED), None)


def no_size_to_solve(table: Table) -> None:
    """Raises ConfigError where a size is "solved", for budgets that do not choose sizes."""
    if paths := unsolved(table.get("model")):
        raise ConfigError(
            f'model.{paths[0]}: a size is "{SOLVED}" only under a budget of parameters; write a number, or '
            'compare.budget = { name = "parameters", count = … }'
        )


def no_end_of_its_own(table: Table) -> None:
    """Raises ConfigError where the recipe says how long to train, for budgets that decide it."""
    for key in ENDS:
        if key in table.get("train", {}):
            raise ConfigError(f"train.{key}: the budget says how long to train; leave it out")


def with_train(table: Table, **settings: Any) -> dict[str, Any]:
    """The tables with other values in [train]."""
    return {**table, "train": {**table.get("train", {}), **settings}}


def unsolved(value: Any) -> list[str]:
    """The paths at which a size is "solved"."""
    return [path for path, leaf in leaves(value) if leaf == SOLVED]


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value that is neither a table nor a list, with its path, such as body[0].cell.hidden."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, (list, tuple)):
        for number, inner in enumerate(value):
            yield from leaves(inner, f"{path}[{number}]")
    else:
        yield path, value

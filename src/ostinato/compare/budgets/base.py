"""Budget: what contestants have the same of: parameters, arithmetic or time."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from ostinato.errors import ConfigError
from ostinato.registry import Registry, Table

SOLVED = "solved"
"""What a recipe writes in the place of a size that the budget of parameters is to find."""
ENDS = ("steps", "epochs", "seconds")


class Scales(Protocol):
    """What a recipe's model weighs."""

    def parameters(self, table: Table) -> int:
        """How many numbers it would learn."""

    def flops(self, table: Table) -> int:
        """The operations of one update."""


class Budget(ABC):
    """Fills in what of a contestant's recipe it decides. `words` says what is the same for all."""

    words: str

    @abstractmethod
    def within(self, table: Table, scales: Scales) -> dict[str, Any]:
        """The recipe's tables as the budget has them. Raises ConfigError where it cannot be met."""


budgets: Registry[Budget] = Registry(Budget, "budget", "ostinato.compare.budgets")
register = budgets.register


def size_in(before: Table, after: Table) -> int | None:
    """What the places marked "solved" became; None where there are none."""
    values = dict(leaves(after))
    return next((values[path] for path, value in leaves(before) if value == SOLVED), None)


def no_size_to_solve(table: Table) -> None:
    """Raises ConfigError where a size is left to a budget that does not look for one."""
    if marks := marked(table.get("model")):
        raise ConfigError(
            f'model.{marks[0]}: a size is "{SOLVED}" only under a budget of parameters; write a number, or '
            'compare.budget = { name = "parameters", count = … }'
        )


def no_end_of_its_own(table: Table) -> None:
    """Raises ConfigError where a recipe says how long to train and the budget does too."""
    for key in ENDS:
        if key in table.get("train", {}):
            raise ConfigError(f"train.{key}: the budget says how long to train; leave it out")


def with_train(table: Table, **settings: Any) -> dict[str, Any]:
    """The tables, with settings of training set."""
    return {**table, "train": {**table.get("train", {}), **settings}}


def marked(value: Any) -> list[str]:
    """Where a size is left to be found."""
    return [path for path, leaf in leaves(value) if leaf == SOLVED]


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value that is no table and no list, and where it stands."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, (list, tuple)):
        for number, inner in enumerate(value):
            yield from leaves(inner, f"{path}[{number}]")
    else:
        yield path, value

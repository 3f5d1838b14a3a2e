"""Whether the parts of a recipe fit one another, told before anything is built."""

from collections.abc import Callable
from typing import Any, get_args, get_origin, get_type_hints

from torch import nn

from ostinato.errors import ConfigError
from ostinato.registry import Spec
from ostinato.tasks.base import Task
from ostinato.wiring import declared, misfits


def unfit(task: Spec[Task[Any, Any]], data: Spec[Any], model: Spec[nn.Module]) -> list[str]:
    """A sentence for each way in which the data or the model are not what the task needs. A source that does not say
    what its splits are, and a model that does not say what it takes, are looked at when they are built."""
    try:
        built = task.build()
    except ConfigError as error:
        return list(error.problems)
    problems = []
    kind = split_type(data.constructor)
    if kind is not None and not issubclass(kind, built.split_type):
        problems.append(
            f"data: '{data.name}' gives {_word(kind)}, and the task '{task.name}' reads {_word(built.split_type)}; "
            "choose another source of data, or another task"
        )
    needed, taken = built.ports(), declared(model.constructor)
    if needed is not None and taken is not None:
        problems += misfits(needed, taken, task.name, model.name)
    return problems


def split_type(source: Callable[..., Any]) -> type | None:
    """The S of a source's return annotation `DataSplits[S]`; None where it does not say."""
    annotation = get_type_hints(source).get("return")
    arguments = get_args(annotation) if get_origin(annotation) is not None else ()
    return arguments[0] if arguments and isinstance(arguments[0], type) else None


def _word(kind: type) -> str:
    words = {"Text": "a running text", "Rows": "rows of a table", "Generated": "synthetic sequences"}
    return words.get(kind.__name__, kind.__name__)

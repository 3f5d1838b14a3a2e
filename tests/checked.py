"""The type checker of the tests: beartype, with `object` for what it cannot check (Self) or must not (our Protocols:
an object with three methods of a LanguageModel is enough for a search, though not for isinstance)."""

from typing import Self, get_args

from beartype import beartype
from beartype.roar import BeartypeDecorHintException


def check(thing):
    """`thing` with its annotations checked at every call."""
    if getattr(thing, "__module__", "") == "ostinato.testing.strategies":
        return (
            thing  # the checker draws which element of a list it looks at, and hypothesis wants all chance for itself
        )
    annotations = getattr(thing, "__annotations__", {})
    if any(_opaque(hint) for hint in annotations.values()):
        thing.__annotations__ = {name: object if _opaque(hint) else hint for name, hint in annotations.items()}
    try:
        return beartype(thing)
    except BeartypeDecorHintException as error:
        raise TypeError(f"{thing.__module__}.{thing.__qualname__}: its annotations cannot be checked") from error


def _opaque(hint) -> bool:
    if hint is Self:
        return True
    if getattr(hint, "_is_protocol", False) and hint.__module__.startswith("ostinato."):
        return True
    bound = getattr(hint, "__bound__", None)  # of a type variable
    return (bound is not None and _opaque(bound)) or any(_opaque(part) for part in get_args(hint))

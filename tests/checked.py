"""The type checker of the tests: beartype, with `object` for what it cannot check (a plain Protocol, Self)."""

from typing import Self, get_args

from beartype import beartype
from beartype.roar import BeartypeDecorHintException


def check(thing):
    """`thing` with its annotations checked at every call."""
    if getattr(thing, "__module__", "") == "ostinato.testing.strategies":
        return thing  # the checker draws which element of a list it looks at, and hypothesis wants all chance for itself
    try:
        return beartype(thing)
    except BeartypeDecorHintException:
        annotations = getattr(thing, "__annotations__", {})
        thing.__annotations__ = {name: object if _opaque(hint) else hint for name, hint in annotations.items()}
        return beartype(thing)


def _opaque(hint) -> bool:
    if hint is Self:
        return True
    if getattr(hint, "_is_protocol", False) and not getattr(hint, "_is_runtime_protocol", False):
        return True
    bound = getattr(hint, "__bound__", None)  # of a type variable
    return (bound is not None and _opaque(bound)) or any(_opaque(part) for part in get_args(hint))

"""State: what one step hands to the next, and functions over all of its leaves.

A State is a tuple (a NamedTuple gives names) whose leaves are tensors with the batch on axis 0, or `Padded` where rows
differ in length (a cache, leftover frames), or States. It is never a bare tensor and never stored on a module. The
same functions take a Batch, which may also hold lists of one entry a row (its keys) and None for an absent field.
"""

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import Any, TypeAlias, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from ostinato.errors import BundleError, StreamError
from ostinato.padded import Padded

State: TypeAlias = tuple[Any, ...]
S = TypeVar("S", bound=tuple[Any, ...])


def over(fn: Callable[..., Tensor], *states: S) -> S:
    """Applies `fn` to the matching leaves [B ...] of one or more states, and gives the state of its results.

    Ragged leaves (Padded) are padded to one length first. Raises TypeError for a leaf that is not a tensor, a Padded or
    a State.
    """
    return _walk(fn, lambda lists: lists[0], states)  # type: ignore[no-any-return]


def select(state: S, rows: Tensor | Sequence[int]) -> S:
    """The states of `rows` [N] (indices), in that order; an index may occur several times, or not at all."""
    index = torch.as_tensor(rows, dtype=torch.int64)
    return _walk(  # type: ignore[no-any-return]
        lambda leaf: leaf.index_select(0, index.to(leaf.device)),
        lambda lists: [lists[0][i] for i in index.tolist()],
        (state,),
    )


def where(keep: Tensor, new: S, old: S) -> S:
    """Row by row, `new` where `keep` [B] is true and `old` elsewhere."""
    return _walk(  # type: ignore[no-any-return]
        lambda a, b: torch.where(keep.reshape(-1, *[1] * (a.dim() - 1)), a, b),
        lambda lists: [a if chosen else b for chosen, a, b in zip(keep.tolist(), *lists)],
        (new, old),
    )


def rebuild(state: S, leaves: Sequence[Any]) -> S:
    """A state of the tuple type of `state` (a NamedTuple stays one) with other leaves."""
    return type(state)(*leaves) if hasattr(state, "_fields") else tuple(leaves)  # type: ignore[return-value]


def detach(state: S) -> S:
    """The same values without their gradient graph."""
    return over(Tensor.detach, state)


def cat(states: Sequence[S]) -> S:
    """The rows of several states, one after another."""
    return _walk(  # type: ignore[no-any-return]
        lambda *leaves: torch.cat(leaves), lambda lists: [key for keys in lists for key in keys], tuple(states)
    )


def batch_of(state: State) -> int | None:
    """The number of rows, read from the first leaf; None for a state without leaves.

    Raises StreamError where that leaf has no axis.
    """
    for name, leaf in flatten(state).items():
        if leaf.dim() == 0:
            raise StreamError(f"state leaf {name} has no axis; every leaf needs the batch on axis 0")
        return int(leaf.shape[0])
    return None


def flatten(state: State, prefix: str = "") -> dict[str, Tensor]:
    """Every leaf [B ...] by its path (`0.h`, `encoder.data`), not copied; lists and None are left out."""
    names = getattr(state, "_fields", None) or [str(i) for i in range(len(state))]
    tensors: dict[str, Tensor] = {}
    for name, leaf in zip(names, state):
        if isinstance(leaf, Tensor):
            tensors[prefix + name] = leaf
        elif isinstance(leaf, Padded):
            tensors |= {f"{prefix}{name}.data": leaf.data, f"{prefix}{name}.lengths": leaf.lengths}
        elif isinstance(leaf, tuple):
            tensors |= flatten(leaf, f"{prefix}{name}.")
    return tensors


def unflatten(tensors: Mapping[str, Tensor], like: S, prefix: str = "", at: str = "state") -> S:
    """The inverse of `flatten`: leaves [B ...] by path to a state with the structure of `like`.

    Sizes must agree with those of `like`, except for the batch and the time of ragged leaves. Raises StreamError, which
    names the place `at`, where a path, a size or a dtype differs.
    """
    names = set(tensors) if not prefix else {name for name in tensors if name.startswith(prefix)}
    expected = flatten(like, prefix)
    if names != set(expected):
        odd = sorted(names ^ set(expected))
        raise StreamError(
            f"{at}: its leaves differ in {', '.join(odd)}, so it is the state of another model; pass one of this model"
        )
    for name, leaf in expected.items():
        tensor = tensors[name]
        if _sizes(tensors, name) != _sizes(expected, name) or tensor.dtype != leaf.dtype:
            raise StreamError(
                f"{at}: {name} is {tensor.dtype} {list(tensor.shape)} where {leaf.dtype} {list(leaf.shape)} is needed "
                "(the batch aside), so it is the state of another model; pass one of this model"
            )
    return _rebuild(tensors, like, prefix)  # type: ignore[no-any-return]


def fit(state: S, like: S, batch: int, at: str) -> S:
    """`state` itself, checked: it has the structure of `like` and `batch` rows. Raises StreamError otherwise."""
    if type(state) is not type(like):
        raise StreamError(
            f"{at}: a {type(state).__name__} was given where a {type(like).__name__} is needed; "
            f"start from initial({batch})"
        )
    mine, expected = flatten(state), flatten(like)
    if mine.keys() != expected.keys() or any(_sizes(mine, name) != _sizes(expected, name) for name in mine):
        raise StreamError(f"{at}: the state is of another cell or size; start from initial({batch})")
    for name, leaf in mine.items():
        if leaf.shape[0] != batch:
            raise StreamError(
                f"{at}: the state's {name} holds {leaf.shape[0]} rows but the input has {batch}; "
                f"select its rows or start from initial({batch})"
            )
    return state


def save(state: State, path: str | PathLike[str]) -> None:
    """Writes every leaf of the state into the safetensors file `path`."""
    save_file({name: leaf.detach().contiguous().clone() for name, leaf in flatten(state).items()}, path)


def load(path: str | PathLike[str], like: S) -> S:
    """Reads what `save` wrote; `like` (for example `initial(1)`) gives the structure.

    Raises BundleError where the file cannot be read, StreamError where it holds the state of another model.
    """
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise BundleError(f"{path}: no state can be read from it ({error}); save it again") from error
    return unflatten(tensors, like, at=str(path))


def _walk(
    fn: Callable[..., Tensor], of_lists: Callable[[Sequence[list[Any]]], list[Any]], states: Sequence[Any]
) -> Any:
    first = states[0]
    if isinstance(first, Tensor):
        return fn(*states)
    if isinstance(first, Padded):
        longest = max(leaf.steps for leaf in states)
        level = [leaf.stretched(longest) for leaf in states]
        return Padded(fn(*[leaf.data for leaf in level]), fn(*[leaf.lengths for leaf in level]))
    if isinstance(first, tuple):
        return rebuild(first, [_walk(fn, of_lists, parts) for parts in zip(*states, strict=True)])
    if isinstance(first, list):
        return of_lists(states)
    if first is None:
        return None
    raise TypeError(f"a State holds tensors, Padded and States, not {type(first).__name__}")


def _sizes(tensors: Mapping[str, Tensor], name: str) -> tuple[int, ...] | None:
    """What of a leaf's shape must agree: all but the batch and, where rows differ in length, time. (None: no axis.)"""
    shape = tensors[name].shape
    ragged = name.endswith(".data") and name.removesuffix("data") + "lengths" in tensors
    return tuple(shape[2 if ragged else 1 :]) if len(shape) else None


def _rebuild(tensors: Mapping[str, Tensor], like: Any, prefix: str) -> Any:
    names = getattr(like, "_fields", None) or [str(i) for i in range(len(like))]
    leaves: list[Any] = []
    for name, leaf in zip(names, like):
        path = prefix + name
        if isinstance(leaf, Tensor):
            leaves.append(tensors[path])
        elif isinstance(leaf, Padded):
            leaves.append(Padded(tensors[f"{path}.data"], tensors[f"{path}.lengths"]))
        elif isinstance(leaf, tuple):
            leaves.append(_rebuild(tensors, leaf, path + "."))
        else:
            leaves.append(leaf)
    return rebuild(like, leaves)

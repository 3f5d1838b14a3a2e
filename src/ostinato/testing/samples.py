"""Samples: the inputs, cuts and weighted sums that the laws use, the same in every run."""

import copy
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar

import torch
from torch import Tensor, nn

from ostinato.layers import SequenceLayer, whole
from ostinato.padded import Padded
from ostinato.state import State

M = TypeVar("M")

LENGTHS: Final = (6, 0, 3, 9, 1)
"""Rows of a usual batch: one is empty, one is a single step, the longest is not the first."""
NOWHERE: Final = -(2**40)
"""A token id that no vocabulary has."""


def generator(seed: int = 0) -> torch.Generator:
    """A random generator of its own, seeded with `seed`."""
    return torch.Generator().manual_seed(seed)


def still(thing: M) -> M:
    """A copy in evaluation mode, so that a law does not change the object that it is given."""
    copied = copy.deepcopy(thing)
    return copied.eval() if isinstance(copied, nn.Module) else copied


def dtype_of(layer: Any) -> torch.dtype:
    """The dtype of a layer's parameters, which it computes in."""
    return next((p.dtype for p in layer.parameters() if p.is_floating_point()), torch.get_default_dtype())


def takes_tokens(layer: Any) -> bool:
    """Whether a layer reads token ids below `inputs` instead of vectors [inputs]."""
    return bool(getattr(layer, "takes_tokens", False))


def inputs_for(layer: SequenceLayer, lengths: tuple[int, ...] = LENGTHS, seed: int = 0, extra: int = 2) -> Padded:
    """A batch that the layer reads, random vectors [B T inputs] or ids [B T], with `extra` steps of padding after the
    longest row."""
    steps = max(lengths, default=0) + extra
    chance = generator(seed)
    if takes_tokens(layer):
        data = torch.randint(0, layer.inputs, (len(lengths), steps), generator=chance)
    else:
        data = torch.randn(len(lengths), steps, layer.inputs, generator=chance).to(dtype_of(layer))
    return Padded(data, torch.tensor(lengths, dtype=torch.int64))


def output_lengths(layer: SequenceLayer, lengths: Tensor) -> list[int]:
    """ceil(T / stride) for each of `lengths` [B]: the outputs of whole rows."""
    return [-(-length // layer.stride) for length in lengths.tolist()]


def due_lengths(layer: SequenceLayer, lengths: Tensor) -> list[int]:
    """For each of `lengths` [B], how many outputs k are due after so many steps: k · stride + 1 + latency <= steps."""
    return [-(-max(0, length - (layer.latency or 0)) // layer.stride) for length in lengths.tolist()]


def spoilt(x: Padded) -> Padded:
    """The same rows [B T ...] with NaN (or for ids, an id that no vocabulary has) as padding."""
    bad = float("nan") if x.data.is_floating_point() else NOWHERE
    mask = x.mask.reshape(x.batch, x.steps, *[1] * (x.data.dim() - 2))
    return x.map(lambda data: data.masked_fill(~mask, bad))


def trainable(layer: Any) -> Iterator[tuple[str, nn.Parameter]]:
    """Every parameter that requires a gradient, with its name."""
    return ((name, parameter) for name, parameter in layer.named_parameters() if parameter.requires_grad)


def weighed(out: Padded, seed: int = 1) -> Tensor:
    """The sum, a scalar, of the real outputs [B T ...], each weighted by a random number that depends on its place, not
    on the padding."""
    total = out.data.new_zeros(())
    for number, row in enumerate(out.rows()):
        weights = torch.randn(row.shape, generator=generator(seed + number)).to(row.dtype)
        total = total + (row * weights).sum()
    return total


def gradients(layer: Any, run: Callable[[], Tensor], x: Padded) -> dict[str, Tensor]:
    """The gradients of run(), a scalar, by every parameter [...] and, as "input", by the data of `x` [B T ...] where
    that requires one; zeros where run() does not depend on it."""
    parameters = dict(trainable(layer))
    leaves: dict[str, Tensor] = {**parameters, **({"input": x.data} if x.data.requires_grad else {})}
    loss = run()
    if not leaves or not loss.requires_grad:
        return {}
    grads = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True)
    return {name: torch.zeros_like(leaf) if grad is None else grad for (name, leaf), grad in zip(leaves.items(), grads)}


def leaf(x: Padded) -> Padded:
    """The same rows [B T ...] with data that requires a gradient; ids stay as they are."""
    return x.map(lambda data: data.detach().clone().requires_grad_() if data.is_floating_point() else data)


def exact(x: Padded) -> Padded:
    """The same rows [B T ...] in float64; ids stay as they are."""
    return x.map(lambda data: data.double() if data.is_floating_point() else data)


def row_of(x: Padded, row: int) -> Padded:
    """Row `row` of [B T ...] alone, without padding: [1 length ...]."""
    length = int(x.lengths[row])
    return Padded(x.data[row : row + 1, :length], x.lengths[row : row + 1])


def cut(x: Padded, cuts: list[list[int]]) -> list[Padded]:
    """Pieces of every row [B T ...]: piece k has `cuts[k][i]` steps of row i. Raises ValueError where the counts do not
    add up to the rows' lengths."""
    starts = [0] * x.batch
    pieces = []
    for counts in cuts:
        rows = [data[start : start + count] for data, start, count in zip(x.data, starts, counts)]
        starts = [start + count for start, count in zip(starts, counts)]
        pieces.append(Padded.of(rows) if rows else Padded(x.data[:, :0], x.lengths))
    if starts != x.lengths.tolist():
        raise ValueError(f"cut: the pieces end at {starts} but the rows at {x.lengths.tolist()}")
    return pieces


def random_cuts(lengths: list[int], pieces: int, seed: int) -> list[list[int]]:
    """Random cuts for `cut`, different for each row, so that after a piece the rows are at different steps."""
    chance = generator(seed)
    columns = []
    for length in lengths:
        ends = sorted(torch.randint(0, length + 1, (pieces - 1,), generator=chance).tolist())
        columns.append([b - a for a, b in zip([0, *ends], [*ends, length])])
    return [list(counts) for counts in zip(*columns)]


def in_pieces(layer: SequenceLayer, pieces: list[Padded], state: State) -> tuple[Padded, State]:
    """All outputs [B T outputs] of a run in pieces, those of `finish` included, and the state before `finish`."""
    outputs: Padded | None = None
    for piece in pieces:
        out, state = layer(piece, state)
        outputs = out if outputs is None else outputs.then(out)
    rest = layer.finish(state)
    return (rest if outputs is None else outputs.then(rest)), state


def offline(layer: SequenceLayer, x: Padded) -> Padded:
    """The outputs [B T outputs] of all steps in one call."""
    return whole(layer, x)

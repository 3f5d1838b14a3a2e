"""Knock at the kernels' doors with calls that are mostly wrong, and count how they are answered.

    python stress/door.py --calls 100000

Half of the calls go to `ostinato.kernels` with tensors of wrong sizes, strides, types and devices, or with none; half
to `ostinato._core` with numbers that lie, all but addresses: there the caller vouches for what stands behind one. Every
answer must be the right one, which is computed again in double for a share of them, or a ValueError, TypeError or
MemoryError in words. Calls run in child processes, so that a crash or a hang is counted too. Exit status 1 if there is
any of that; `--only` repeats one call by its number.
"""

import argparse
import copy
import mmap
import os
import random
import signal
import struct
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "kernels"))
from reference import CELLS, GAPS, PACKED, ROWS, STEP, STEPS, Case, definition, error, starts_of

from ostinato import _core, kernels
from ostinato.kernels import Weights

REFUSALS = (ValueError, TypeError, MemoryError)
COUNTED = ("answered", "checked", *(f"refused by {kind.__name__}" for kind in REFUSALS), "wrong", "crashed")
SECONDS = 60  # after which a call counts as hanging
SLACK, UNTOUCHED = 64, 777.0
ODD = (-(2**63), -(2**31), -1, 0, 1, 2, 3, 4, 5, 7, 8, 64, 2**31, 2**32 + 1, 2**40, 2**61, 2**63 - 1)


class WrongError(AssertionError):
    """An answer that is not the right one."""


def require(holds: bool, what: str) -> None:
    if not holds:
        raise WrongError(what)


def close(found: Tensor, wanted: Tensor, what: str) -> None:
    require(found.shape == wanted.shape, f"{what} is {list(found.shape)}, wanted {list(wanted.shape)}")
    limit = 1e-5 if found.dtype is torch.float32 else 1e-11
    wanted = wanted.detach().double()
    scale = max(float(wanted.abs().max()), 1.0) if wanted.numel() else 1.0
    if not error(found, wanted) * float(wanted.abs().max() if wanted.numel() else 0) <= limit * scale:
        raise WrongError(f"{what} differs by {error(found, wanted):.2g} of its largest")


def random_case(dice: random.Random) -> Case:
    """A small call in which nothing is wrong yet."""
    name = dice.choice(CELLS)
    sizes = [dice.choice(each) for each in ((0, 1, 2, 3, 5), (0, 1, 2, 3, 6), (0, 1, 2, 5), (0, 1, 2, 3, 9, 17))]
    return Case(
        name,
        *sizes,
        projected=dice.choice((None, None, 1, 3, 20)) if name == "lstm" else None,
        ragged=dice.random() < 0.7,
        reverse=dice.random() < 0.3,
        biased=dice.random() < 0.7,
        gates_in=dice.random() < 0.2,
        layout=dice.choice((ROWS, ROWS, STEPS, GAPS, PACKED)),
        seed=dice.randrange(10**6),
    )


def by_definition(
    name: str, x: Tensor, lengths: Tensor, starts: Tensor | None, values: tuple[Tensor | None, ...], reverse: bool
) -> tuple[Tensor, ...]:
    """A scan of these tensors in double; x and the outputs are a PackedSequence's data where there are `starts`."""
    batch, steps = len(lengths), x.shape[1] if starts is None else len(starts)
    weights = Weights(*values[:5])
    hidden = weights.hidden.shape[0] // getattr(kernels, name).gates
    case = Case(name, batch, steps, 1, hidden, weights.hidden.shape[1], reverse=reverse)
    case.lengths = lengths
    values = tuple(None if value is None else value.double() for value in values)
    if starts is None:
        return definition(case, x.double(), *values)
    there = case.real.nonzero()
    places = starts[there[:, 1]] + there[:, 0]
    dense = x.new_zeros(batch, steps, x.shape[1], dtype=torch.double)
    outputs, *state = definition(case, dense.index_put(tuple(there.T), x.double()[places]), *values)
    data = outputs.new_zeros(len(x), outputs.shape[2])
    return data.index_put((places,), outputs[tuple(there.T)]), *state


# The Python door.

DTYPES = (torch.float64, torch.bfloat16, torch.float16, torch.int64, torch.int32, torch.bool, torch.complex64)
STRANGERS = (None, 0, 1.5, "x", [1.0, 2.0], (), {}, object())


def resized(tensor: Tensor, dice: random.Random) -> Tensor:
    if not tensor.dim() or dice.random() < 0.2:
        return tensor[None]
    axis = dice.randrange(tensor.dim())
    how = dice.choice(("longer", "shorter", "gone", "swapped", "empty", "flat"))
    if how == "longer":
        return torch.cat([tensor, tensor.narrow(axis, 0, min(1, tensor.shape[axis]))], axis)
    if how == "shorter":
        return tensor.narrow(axis, 0, max(0, tensor.shape[axis] - 1))
    if how == "gone":
        return tensor.select(axis, 0) if tensor.shape[axis] else tensor.sum(axis)
    if how == "swapped":
        return tensor.transpose(axis, -1)
    return tensor.narrow(axis, 0, 0) if how == "empty" else tensor.flatten()


def laid_out(tensor: Tensor, dice: random.Random) -> Tensor:
    """The same numbers, elsewhere; or one of them seen many times."""
    if not tensor.numel() or not tensor.dim():
        return tensor
    axis = dice.randrange(tensor.dim())
    how = dice.choice(("turned", "spread", "expanded", "offset", "overlapping", "negated"))
    if how == "turned":
        return tensor.transpose(0, axis).contiguous().transpose(0, axis)
    if how == "spread":
        return torch.stack([tensor, tensor], -1)[..., 0]
    if how == "expanded":
        return tensor.narrow(axis, 0, 1).expand(tensor.shape)
    if how == "offset":
        return torch.cat([tensor.flatten()[:1], tensor.flatten()])[1:].view(tensor.shape)
    if how == "overlapping":
        return tensor.contiguous().as_strided(tensor.shape, [1] * tensor.dim())
    return torch._neg_view(tensor) if tensor.dtype.is_floating_point else tensor


def spoilt(value: Any, dice: random.Random) -> Any:
    """Another tensor in this one's place, or something else."""
    if not isinstance(value, Tensor) or value.layout is not torch.strided or dice.random() < 0.1:
        return copy.copy(dice.choice(STRANGERS))
    how = dice.randrange(10)
    if how < 3:
        return resized(value, dice)
    if how < 6:
        return laid_out(value, dice)
    if how == 6:
        return value.to(dice.choice(DTYPES))
    if how == 7:
        return value.to("meta") if value.is_meta or dice.random() < 0.5 else value.detach().to_sparse()
    if how == 8 and value.dtype is torch.int64:
        return value + dice.choice((-1, 1, 2**40, -(2**62)))
    return value.detach().clone().requires_grad_(value.dtype.is_floating_point)


def python_scan(dice: random.Random, check: bool) -> None:
    case = random_case(dice)
    x, *others = case.values
    weights, leaves, starts = list(others[:5]), list(others[5:]), None
    if case.layout == PACKED:
        starts = starts_of(case.lengths)
        there = case.real.T.nonzero()
        x = x[there[:, 1], there[:, 0]]
    if dice.random() < 0.4:
        for tensor in (x, *weights, *leaves):
            if tensor is not None and dice.random() < 0.7:
                tensor.requires_grad_()
    arguments = {"x": x, "lengths": case.lengths, "starts": starts, "reverse": case.reverse, "weights": weights}
    arguments |= {"state": leaves, "time_first": case.layout == STEPS}
    for _ in range(dice.choice((0, 0, 1, 1, 1, 2, 3))):
        name = dice.choice(("x", "x", "lengths", "starts", "state", "weights", "weights", "reverse", "time_first"))
        target = arguments[name]
        if isinstance(target, list) and target and dice.random() < 0.9:
            at = dice.randrange(len(target))
            target[at] = spoilt(target[at], dice)
        elif isinstance(target, list) and dice.random() < 0.7:
            target.append(dice.choice([*target, None]) if dice.random() < 0.5 else target.pop(0) if target else None)
        else:
            arguments[name] = spoilt(target, dice)
    given = arguments["weights"]
    if isinstance(given, list):
        given = Weights(*given) if len(given) == 5 else tuple(given)
    state = tuple(arguments["state"]) if isinstance(arguments["state"], list) else arguments["state"]
    mode = dice.choice((torch.enable_grad, torch.enable_grad, torch.no_grad, torch.inference_mode))
    with mode():
        outputs, final = case.scan(
            arguments["x"], arguments["lengths"], state, given, dice.choice((None, STEP[case.name])),
            reverse=arguments["reverse"], time_first=arguments["time_first"], starts=arguments["starts"],
        )  # fmt: skip
        results = (outputs, *final)
        tensors = [t for t in (arguments["x"], *given, *state) if t is not None]
        inputs = [t for t in tensors if t.requires_grad]
        require(all(r.requires_grad == bool(inputs and torch.is_grad_enabled()) for r in results), "requires_grad")
        if not check:
            return
        with torch.enable_grad():
            x, lengths, starts, reverse = (arguments[name] for name in ("x", "lengths", "starts", "reverse"))
            wanted = by_definition(case.name, x, lengths, starts, (*given, *state), reverse)
        for i, (found, want) in enumerate(zip(results, wanted, strict=True)):
            close(found, want, f"result {i}")
    if results[0].requires_grad:
        grads = torch.autograd.grad([r.sum() for r in results], inputs)
        sums = [want.sum() for want in wanted if want.requires_grad]
        wanted = torch.autograd.grad(sums, inputs, allow_unused=True) if sums else [None] * len(inputs)
        for found, want in zip(grads, wanted, strict=True):
            close(found, torch.zeros_like(found) if want is None else want, "a gradient")


def python_linear(dice: random.Random, check: bool) -> None:
    rows, inputs, outputs = (dice.choice((0, 1, 2, 3, 7, 17)) for _ in range(3))
    shape = dice.choice(((rows,), (2, rows), ()))
    given: list[Any] = [torch.randn(*shape, inputs), torch.randn(outputs, inputs)]
    given.append(dice.choice((None, torch.randn(outputs))))
    for tensor in given:
        if tensor is not None and dice.random() < 0.3:
            tensor.requires_grad_()
    for _ in range(dice.choice((0, 0, 1, 1, 2))):
        at = dice.randrange(3)
        given[at] = spoilt(given[at], dice)
    found = kernels.linear(*given)
    leaves = [t for t in given if t is not None and t.requires_grad]
    if check:
        wanted = torch.nn.functional.linear(*(None if t is None else t.double() for t in given))
        close(found, wanted, "the result")
    if leaves:
        grads = torch.autograd.grad(found.sum(), leaves)
        for grad, want in zip(grads, torch.autograd.grad(wanted.sum(), leaves), strict=True) if check else ():
            close(grad, want, "a gradient")


# The compiled door.


class Arena:
    """Numbers with room behind them, so that a count that lies a little still tells of memory that is there."""

    def __init__(self, values: Tensor) -> None:
        self.shape, self.given, self.count = values.shape, values.contiguous().flatten(), values.numel()
        self.all = torch.full((2 * self.count + 2 * SLACK,), UNTOUCHED).to(values.dtype)
        self.all[: self.count] = self.given
        self.buffer = (self.all.data_ptr(), self.count)

    def written(self) -> Tensor:
        """The numbers; nothing behind them may have changed."""
        require(bool((self.all[self.count :] == UNTOUCHED).all()), "written past the end of a buffer")
        return self.all[: self.count]

    def unchanged(self) -> None:
        require(torch.equal(self.written(), self.given), "a buffer was written that is only read")


class Spread(Arena):
    """Sequences [B T F] in an arena as a layout has them, `starts` where they are packed."""

    def __init__(self, case: Case, dense: Tensor, starts: Arena | None) -> None:
        batch, steps, features = dense.shape
        self.features, gap = features, 2 if case.layout == GAPS else 0
        if case.layout == PACKED:
            there = case.real.T.nonzero()
            values = dense[there[:, 1], there[:, 0]]
            self.row, self.step = 0, features
        else:
            self.step = batch * features if case.layout == STEPS else features + gap
            self.row = features if case.layout == STEPS else steps * self.step + gap
            reach = (batch - 1) * self.row + (steps - 1) * self.step + features if dense.numel() else 0
            values = torch.full((reach,), UNTOUCHED, dtype=dense.dtype)
            values.as_strided(dense.shape, (self.row, self.step, 1)).copy_(dense)
        super().__init__(values)
        self.lying = (*self.buffer, self.row, self.step, *(starts.buffer if starts else (0, 0)))

    def dense(self, case: Case) -> Tensor:
        """[B T F], or [N F] of packed data."""
        values = self.written()
        if case.layout == PACKED:
            return values.view(-1, self.features) if self.features else values.new_zeros(int(case.lengths.sum()), 0)
        shape = (case.batch, case.steps, self.features)
        if not values.numel():
            return values.new_zeros(shape)
        rest = values.clone()
        view = rest.as_strided(shape, (self.row, self.step, 1))
        found = view.clone()
        view.fill_(UNTOUCHED)
        require(bool((rest == UNTOUCHED).all()), "written between steps")
        return found


def mutated(arguments: list[Any], dice: random.Random, times: int) -> list[Any]:
    """The same call with some of its numbers changed: sizes, counts and strides lie, addresses are null or odd."""
    honest = arguments
    for _ in range(times):
        where, path = arguments, []
        while True:
            at = dice.randrange(len(where)) if where else 0
            path.append(at)
            if not where or not isinstance(where[at], (list, tuple)) or dice.random() < 0.03:
                break
            where = where[at]
        old = where[at] if where else None
        first = found_at(honest, path)
        if isinstance(old, bool):
            new: Any = not old
        elif isinstance(first, int) and abs(first) in range(2**32 + 2, 2**60) and isinstance(old, int):  # an address
            new = dice.choice((0, first + 1, first))
        elif isinstance(old, int):
            near = (old - 1, old + 1, old + 2, old * 2 if old < SLACK else old + 3)
            new = dice.choice(ODD) if dice.random() < 0.5 else dice.choice(near)
        elif old is not None and dice.random() < 0.5:
            new = type(old)(list(old)[:-1])
        else:
            new = dice.choice(STRANGERS)
        arguments = replaced(arguments, path, new)
    return arguments


def found_at(where: Any, path: list[int]) -> Any:
    for at in path:
        where = where[at] if isinstance(where, (list, tuple)) and at < len(where) else None
    return where


def replaced(where: Any, path: list[int], new: Any) -> Any:
    if not path or not where:
        return new
    parts = list(where)
    parts[path[0]] = replaced(parts[path[0]], path[1:], new)
    return type(where)(parts)


def vouched(arguments: list[Any], arenas: list[Arena]) -> bool:
    """Whether at most one buffer claims more than there is: then sizes cannot agree with it, and it must be refused."""
    room = {arena.all.data_ptr(): arena.count + SLACK for arena in arenas}
    broken = 0

    def visit(part: Any) -> None:
        nonlocal broken
        if not isinstance(part, (list, tuple)):
            return
        for i, each in enumerate(part):
            visit(each)
            if isinstance(each, int) and each & ~1 in room and i + 1 < len(part) and isinstance(part[i + 1], int):
                broken += part[i + 1] > room[each & ~1]

    visit(arguments)
    return broken <= 1


def buffers(arenas: list[Arena | None]) -> list[tuple[int, int]]:
    return [(0, 0) if arena is None else arena.buffer for arena in arenas]


def untouched(like: Arena) -> Arena:
    """As many numbers, to be written."""
    return Arena(torch.full_like(like.given, UNTOUCHED))


# What of a scan's arguments decides what the right answer is, as both directions begin with it.
MEANING = {"cell": 0, "dtype": 1, "batch": 2, "steps": 3, "inputs": 4, "hidden": 5, "outputs": 6, "reverse": 8}


def same_meaning(arguments: list[Any], before: list[Any]) -> bool:
    keys = [*MEANING.values(), 11, 12]  # and the weights, which may be left out, and the initial state
    return all(arguments[i] == before[i] for i in keys)


def core_scan(dice: random.Random, check: bool) -> None:
    case = random_case(dice)
    dtype = dice.choice((torch.float32, torch.float32, torch.float64))
    values = [None if value is None else value.to(dtype) for value in case.values]
    number, code = CELLS_BY_NUMBER.index(case.name), 4 if dtype is torch.float32 else 8
    steps, outputs = case.steps, case.projected or case.hidden
    lengths, starts = Arena(case.lengths), None
    if case.layout == PACKED:
        of_steps = starts_of(case.lengths)
        steps, starts = len(of_steps), Arena(of_steps)
    empty = torch.full((case.batch, case.steps, outputs), UNTOUCHED, dtype=dtype)
    x, out = Spread(case, values[0], starts), Spread(case, empty, starts)
    weights = [None if value is None else Arena(value) for value in values[1:6]]
    initial = [Arena(value) for value in values[6:]]
    final = [untouched(leaf) for leaf in initial]
    kept_count = _core.kept_numbers(number, code, case.batch, steps, case.hidden)
    kept = Arena(torch.full((kept_count,), UNTOUCHED, dtype=dtype))
    sizes = (number, code, case.batch, steps, values[0].shape[2], case.hidden, outputs)
    described = [*sizes, dice.choice((1, 2)), case.reverse, lengths.buffer, x.lying, buffers(weights), buffers(initial)]
    forward = [*described, out.lying, buffers(final), *kept.buffer]
    read = [each for each in (lengths, starts, x, *weights, *initial) if each is not None]
    backward = dice.random() < 0.5
    arguments = forward
    if not backward:
        arguments = mutated(forward, dice, dice.choice((0, 1, 1, 2, 3)))
        spoil_contents(lengths, starts, dice)
        if not vouched(arguments, [*read, out, *final, kept]):
            return
    _core.scan_forward(*arguments)
    whole = same_meaning(arguments, forward) and lengths_are(lengths, starts)
    if arguments[1] != code:  # then a count was of larger or smaller numbers than there are: only crashes count
        return
    for arena in read:
        arena.unchanged()
    for arena in (out, *final, kept):
        arena.written()
    leaves = [x.dense(case), *(a.given.view(a.shape) for a in (*weights, *initial) if a is not None)]
    moved = [leaf.clone().requires_grad_() for leaf in leaves]
    rest = iter(moved[1:])
    again = tuple(None if value is None else next(rest) for value in values[1:])
    wanted: tuple[Tensor, ...] = ()
    if check and whole and arguments[13] == out.lying and arguments[10] == x.lying:
        wanted = by_definition(case.name, moved[0], case.lengths, starts and starts.given, again, case.reverse)
        found = (out.dense(case), *(leaf.written().view(want.shape) for leaf, want in zip(final, wanted[1:])))
        for i, (result, want) in enumerate(zip(found, wanted, strict=True)):
            close(result, want, f"result {i}")
    if backward:
        core_scan_backward(dice, case, described, (x, weights, initial, out, kept, starts, read), moved, wanted)


def core_scan_backward(
    dice: random.Random,
    case: Case,
    described: list[Any],
    given: tuple[Any, ...],
    moved: list[Tensor],
    wanted: tuple[Tensor, ...],
) -> None:
    x, weights, initial, out, kept, starts, read = given
    dtype = x.all.dtype
    out.given, kept.given = out.written().clone(), kept.written().clone()
    incoming = [Spread(case, torch.randn(case.batch, case.steps, out.features, dtype=dtype), starts)]
    incoming += [Arena(torch.randn(leaf.count, dtype=dtype)) for leaf in initial]
    asked = [arena if dice.random() < 0.8 else None for arena in incoming]
    empty = torch.full((case.batch, case.steps, x.features), UNTOUCHED, dtype=dtype)
    grad_x = Spread(case, empty, starts) if dice.random() < 0.8 else None
    grads = [untouched(weight) if weight is not None and dice.random() < 0.8 else None for weight in weights]
    grad_initial = [untouched(leaf) for leaf in initial]
    nothing = (0, 0, 0, 0, 0, 0)
    before = [
        *described, out.lying, *kept.buffer, asked[0].lying if asked[0] else nothing, buffers(asked[1:]),
        grad_x.lying if grad_x else nothing, buffers(grads), buffers(grad_initial),
    ]  # fmt: skip
    arguments = mutated(before, dice, dice.choice((0, 1, 1, 2, 3)))
    lengths = read[0]
    spoil_contents(lengths, starts, dice)
    read = [*read, out, kept, *incoming]
    results = [arena for arena in (grad_x, *grads, *grad_initial) if arena is not None]
    if not vouched(arguments, [*read, *results]):
        return
    _core.scan_backward(*arguments)
    if arguments[1] != before[1]:
        return
    for arena in read:
        arena.unchanged()
    for arena in results:
        arena.written()
    same = [i for i in range(len(before)) if i != 7]
    if not wanted or any(arguments[i] != before[i] for i in same) or not lengths_are(lengths, starts):
        return
    shaped = [a and (a.dense(case) if i == 0 else a.given.view(a.shape)) for i, a in enumerate(asked)]
    pairs = [(w, g.view(w.shape).double()) for w, g in zip(wanted, shaped) if g is not None and w.requires_grad]
    sums = [None] * len(moved)
    if pairs:
        outcomes, grad_outcomes = zip(*pairs, strict=True)
        sums = torch.autograd.grad(outcomes, moved, grad_outcomes, allow_unused=True)
    there = [grad_x, *(g for g, w in zip(grads, weights) if w is not None), *grad_initial]
    for i, (arena, leaf) in enumerate(zip(there, moved, strict=True)):
        if arena is not None:
            want = torch.zeros_like(leaf) if sums[i] is None else sums[i]
            close(arena.dense(case) if i == 0 else arena.written().view(want.shape), want, f"gradient {i}")


def spoil_contents(lengths: Arena, starts: Arena | None, dice: random.Random) -> None:
    """Now and then a length or a start that is not so."""
    for arena in (lengths, starts):
        if arena is not None and arena.count and dice.random() < 0.1:
            arena.all[dice.randrange(arena.count)] += dice.choice((-1, 1, 2**40, -(2**62)))
            arena.given = arena.all[: arena.count].clone()
            arena.spoilt = True


def lengths_are(lengths: Arena, starts: Arena | None) -> bool:
    return not any(hasattr(arena, "spoilt") for arena in (lengths, starts) if arena is not None)


def core_linear(dice: random.Random, check: bool) -> None:
    rows, inputs, outputs = (dice.choice((0, 1, 2, 3, 7, 17, 65)) for _ in range(3))
    dtype = dice.choice((torch.float32, torch.float64))
    x, weight, bias, grad = (
        torch.randn(*shape, dtype=dtype) for shape in ((rows, inputs), (outputs, inputs), (outputs,), (rows, outputs))
    )
    sizes = [4 if dtype is torch.float32 else 8, rows, inputs, outputs, dice.choice((1, 2))]
    backward = dice.random() < 0.5
    read = [Arena(x), Arena(weight), Arena(grad if backward else bias)]
    written = [Arena(torch.full_like(each, UNTOUCHED)) for each in ((x, weight, bias) if backward else (grad,))]
    asked = [arena if not backward or dice.random() < 0.8 else None for arena in written]
    before = [*sizes]
    for arena in (*read, *asked):
        before += (0, 0) if arena is None else arena.buffer
    arguments = mutated(before, dice, dice.choice((0, 1, 1, 2, 3)))
    if not vouched(arguments, [*read, *written]):
        return
    (_core.linear_backward if backward else _core.linear_forward)(*arguments)
    if arguments[0] != sizes[0]:
        return
    for arena in read:
        arena.unchanged()
    for arena in written:
        arena.written()
    if not check or any(a != b for i, (a, b) in enumerate(zip(arguments, before)) if i != 4):
        return
    x, weight, grad = x.double(), weight.double(), grad.double()
    wanted = (grad @ weight, grad.T @ x, grad.sum(0)) if backward else (x @ weight.T + bias,)
    for arena, want in zip(asked, wanted):
        if arena is not None:
            close(arena.written().view(want.shape), want, "a result")


CELLS_BY_NUMBER = list(_core.cells)
KNOCKS: tuple[tuple[float, Callable[[random.Random, bool], None]], ...] = (
    (0.4, python_scan), (0.1, python_linear), (0.38, core_scan), (0.12, core_linear)
)  # fmt: skip


def knock(seed: int, number: int, share: float) -> str:
    """One call; what came of it, as COUNTED has it."""
    dice = random.Random(seed * 1_000_003 + number)
    torch.manual_seed(dice.randrange(2**31))
    (door,) = dice.choices([each for _, each in KNOCKS], [weight for weight, _ in KNOCKS])
    check = dice.random() < share
    try:
        door(dice, check)
    except REFUSALS as refusal:
        if not str(refusal) or str(refusal) == "std::bad_alloc":
            raise WrongError("a refusal without a word") from refusal
        return next(f"refused by {kind.__name__}" for kind in REFUSALS if isinstance(refusal, kind))
    return "checked" if check else "answered"


def work(seed: int, numbers: range, share: float, board: mmap.mmap) -> None:
    """Calls these; the board holds the number of the current one and then the counts."""
    for number in numbers:
        struct.pack_into("q", board, 0, number)
        signal.alarm(SECONDS)
        try:
            outcome = knock(seed, number, share)
        except Exception:  # whatever else comes out of a door is what this looks for
            outcome = "wrong"
            print(f"call {number}:", traceback.format_exc(limit=-3), file=sys.stderr, flush=True)
        at = 8 * (1 + COUNTED.index(outcome))
        struct.pack_into("q", board, at, struct.unpack_from("q", board, at)[0] + 1)
    signal.alarm(0)


def campaign(seed: int, calls: int, share: float) -> dict[str, int]:
    """All calls in one child process after another: each goes on behind the call that killed the one before."""
    board = mmap.mmap(-1, 8 * (1 + len(COUNTED)))
    first = crashed = 0
    while first < calls:
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            work(seed, range(first, calls), share, board)
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status == 0:
            break
        (number,) = struct.unpack_from("q", board, 0)
        print(f"call {number}: the process died of {status}", file=sys.stderr, flush=True)
        crashed, first = crashed + 1, number + 1
    counts = dict(zip(COUNTED, struct.unpack_from(f"{len(COUNTED)}q", board, 8), strict=True))
    return counts | {"crashed": crashed}


def main() -> int:
    """Print what was counted; 0 if nothing was wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--check", type=float, default=0.2, help="the share of answers that are computed again")
    parser.add_argument("--only", type=int, help="repeat the call of this number, here and checked as it was")
    options = parser.parse_args()
    if options.only is not None:
        print(knock(options.seed, options.only, options.check))
        return 0
    counts = campaign(options.seed, options.calls, options.check)
    told = ", ".join(f"{count} {what}" for what, count in counts.items())
    print(f"{options.calls} calls, seed {options.seed}: {told}")
    return int(bool(counts["wrong"] or counts["crashed"]))


if __name__ == "__main__":
    sys.exit(main())

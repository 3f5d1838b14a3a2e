"""Laws of a Cell: those of its steps, and those of a layer that folds it over time.

In your own test: `@pytest.mark.parametrize("law", ostinato.testing.cells.LAWS)`, and in it
`law(MyCell(hidden=5, inputs=3))`.
"""

from collections.abc import Callable
from functools import wraps
from typing import Final, TypeAlias

import torch
from torch import Tensor

from ostinato import state as states
from ostinato.cells import Cell, Masks
from ostinato.errors import StreamError
from ostinato.layers import Recurrent
from ostinato.padded import Padded
from ostinato.state import State
from ostinato.stepping import stepper
from ostinato.testing import layers, samples
from ostinato.testing.derivatives import check_derivatives
from ostinato.testing.tolerances import GRADIENTS, REFERENCE, assert_close, assert_same, assert_states

Law: TypeAlias = Callable[[Cell], None]


def starts_from_a_state(cell: Cell) -> None:
    """`initial` gives a tuple of leaves [B ...] in the cell's dtype, also after the cell was converted to another."""
    for copy in (samples.still(cell), samples.still(cell).double()):
        for batch in (0, 1, 3):
            state = copy.initial(batch)
            assert isinstance(state, tuple), f"a state is a tuple, not a {type(state).__name__}"
            for name, leaf in states.flatten(state).items():
                assert leaf.shape[0] == batch, f"initial({batch}): {name} is {list(leaf.shape)}"
                allowed = {samples.dtype_of(copy), torch.int64, torch.bool}
                assert leaf.dtype in allowed, f"initial: {name} is {leaf.dtype} in a cell of {samples.dtype_of(copy)}"


def step_defines_the_cell(cell: Cell) -> None:
    """`scan` equals the fold of `step` in outputs (zero on padding), last state and every gradient, from a state that
    is not zero, with rows that end early."""
    cell = samples.still(cell)
    x = samples.leaf(samples.inputs_for(Recurrent(cell)))
    first = _begun(cell, x.batch)

    def by(scan: Callable[[Tensor, State], tuple[Tensor, State]]) -> tuple[Tensor, State, dict[str, Tensor]]:
        gates, state = cell.project(x.data, first)
        out, last = scan(gates, state)
        loss = samples.weighed(Padded(out, x.lengths)) + sum(
            samples.weighed(Padded.full(leaf.flatten(1).unsqueeze(1)), seed=9)
            for leaf in states.flatten(last).values()
            if leaf.is_floating_point()
        )
        return out, last, samples.gradients(cell, lambda: loss, x)

    out, last, grads = by(lambda gates, state: cell.scan(gates, state, x.lengths))
    expected, expected_last, expected_grads = by(lambda gates, state: _by_steps(cell, gates, state, x.lengths))
    assert_close(out, expected, "scan against the fold of step", REFERENCE)
    assert_states(last, expected_last, "scan's last state against the fold's", REFERENCE)
    for name, grad in expected_grads.items():
        assert_close(grads[name], grad, f"scan's gradient by {name} against the fold's", GRADIENTS)
    reference, _, _ = by(lambda gates, state: cell.reference(gates, state, x.lengths))
    assert_close(reference, expected, "reference against the fold of step", REFERENCE)


def a_step_has_its_shape(cell: Cell) -> None:
    """Gates [B G] and a state give outputs [B outputs] and a state of the same type and sizes; `forward` is `step`."""
    cell = samples.still(cell)
    state = cell.initial(3)
    gates, state = cell.project(samples.inputs_for(Recurrent(cell), (1, 1, 1), extra=0).data, state)
    assert gates.shape == (3, 1, cell.gates * cell.hidden), f"project gives {list(gates.shape)}"
    out, after = cell.step(gates[:, 0], state)
    assert out.shape == (3, cell.outputs), f"a step gives {list(out.shape)} where outputs is {cell.outputs}"
    assert type(after) is type(state), f"a {type(state).__name__} became a {type(after).__name__}"
    for name, leaf in states.flatten(after).items():
        before = states.flatten(state)[name]
        assert (leaf.shape, leaf.dtype) == (before.shape, before.dtype), f"{name}: {leaf.dtype} {list(leaf.shape)}"
    again, _ = cell(gates[:, 0], state)
    assert_same(again, out, "calling the cell is its step")


def masks_hold_noise_still(cell: Cell) -> None:
    """Masks that mask nothing change nothing; zoneout of everything keeps the state; and a sequence that is cut in two
    together with its masks gives the same outputs and state."""
    cell = samples.still(cell)
    x = samples.inputs_for(Recurrent(cell), (6, 4))
    first = _begun(cell, 2)
    gates, first = cell.project(x.data, first)
    leaves = len(first)
    never, always = (
        tuple(torch.full((2, x.steps, cell.hidden), value) for _ in range(leaves)) for value in (False, True)
    )
    if any(not isinstance(leaf, Tensor) or leaf.shape != (2, cell.hidden) for leaf in first):
        return  # masks are for states of [B H] leaves alone
    out, last = cell.scan(gates, first, x.lengths)
    through, through_last = cell.scan(gates, first, x.lengths, Masks(torch.ones(2, cell.hidden), never))
    assert_close(through, out, "with masks of nothing", REFERENCE)
    assert_states(through_last, last, "the state with masks of nothing", REFERENCE)
    assert_states(cell.scan(gates, first, x.lengths, Masks(None, always))[1], first, "the state that zoneout keeps")
    chance = torch.rand(2, x.steps, cell.hidden, generator=samples.generator(3)) < 0.5
    zoneout, hidden = tuple(chance.roll(n, 1) for n in range(leaves)), torch.full((2, cell.hidden), 0.5)
    whole, whole_last = cell.scan(gates, first, x.lengths, Masks(hidden, zoneout))
    cut = x.lengths.clamp_max(3)
    one, middle = cell.scan(gates[:, :3], first, cut, Masks(hidden, tuple(z[:, :3] for z in zoneout)))
    two, end = cell.scan(gates[:, 3:], middle, x.lengths - cut, Masks(hidden, tuple(z[:, 3:] for z in zoneout)))
    assert_close(torch.cat([one, two], dim=1), whole, "with masks, cut in two")
    assert_states(end, whole_last, "the state with masks, cut in two")


def a_step_is_differentiable(cell: Cell) -> None:
    """First and second derivatives of one step in float64, by gates and state, equal finite differences."""
    copy = samples.still(cell).double()
    first = states.detach(_begun(copy, 2))
    flat = states.flatten(first)
    numbers = {name: leaf for name, leaf in flat.items() if leaf.is_floating_point()}
    sizes = [leaf.flatten(1).shape[1] for leaf in numbers.values()]
    gates, first = copy.project(samples.inputs_for(Recurrent(copy), (1, 1), extra=0).data, first)
    width = gates.shape[-1]
    data = torch.cat([gates[:, 0], *[leaf.flatten(1) for leaf in numbers.values()]], dim=1)
    x = samples.leaf(Padded.full(data.unsqueeze(1)))

    def run(data: Tensor) -> Padded:
        parts = torch.split(data[:, 0], [width, *sizes], dim=1)
        given = {name: part.reshape(flat[name].shape) for name, part in zip(numbers, parts[1:])}
        out, after = copy.step(parts[0], states.unflatten({**flat, **given}, first))
        rest = [leaf.flatten(1) for leaf in states.flatten(after).values() if leaf.is_floating_point()]
        return Padded.full(torch.cat([out, *rest], dim=1).unsqueeze(1))

    check_derivatives(copy, run, x)


def stepper_is_the_layer(cell: Cell) -> None:
    """What `stepper` compiles gives the layer's outputs, one element at a time, or it refuses in one sentence."""
    layer = Recurrent(samples.still(cell))
    x = samples.inputs_for(layer, (6,), extra=0)
    try:
        step = stepper(layer)
    except StreamError as error:
        message = str(error)
        assert "\n" not in message, f"the refusal is more than one sentence: {message!r}"
        assert ";" in message, f"the refusal does not say what to do: {message!r}"
        return
    state = step.state()
    outputs = torch.stack([torch.from_numpy(step.step(at.numpy(), state).copy()) for at in x.data[0]])
    with torch.no_grad():
        assert_close(outputs, layer(x)[0].data[0], "stepped")


def _as_layer(law: layers.Law) -> Law:
    @wraps(law)
    def through_a_layer(cell: Cell) -> None:
        law(Recurrent(cell))

    return through_a_layer


LAWS: Final[tuple[Law, ...]] = (
    starts_from_a_state,
    a_step_has_its_shape,
    step_defines_the_cell,
    masks_hold_noise_still,
    a_step_is_differentiable,
    stepper_is_the_layer,
    *(_as_layer(law) for law in layers.LAWS),
)


def _begun(cell: Cell, batch: int) -> State:
    """The state after a few steps, which is not zero."""
    x = samples.inputs_for(Recurrent(cell), (3,) * batch, seed=7, extra=0)
    with torch.no_grad():
        state: State = Recurrent(cell)(x)[1]
    return state


def _by_steps(cell: Cell, gates: Tensor, state: State, lengths: Tensor) -> tuple[Tensor, State]:
    """The definition as a loop over `step`, without the library's loops: gates [B T G] to outputs [B T H]."""
    outputs = []
    for t in range(gates.shape[1]):
        going_on = t < lengths
        output, after = cell.step(gates[:, t], state)
        outputs.append(torch.where(going_on.unsqueeze(1), output, torch.zeros_like(output)))
        state = states.where(going_on, after, state)
    return torch.stack(outputs, dim=1), state

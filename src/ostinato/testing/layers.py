"""Laws of a SequenceLayer. Each takes one built layer and raises AssertionError that says what it breaks.

In a test of your own: `@pytest.mark.parametrize("law", ostinato.testing.layers.LAWS)`, and in it
`law(MyLayer(inputs=3))`.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeAlias

import torch
from torch import Tensor

from ostinato import state as states
from ostinato.errors import StreamError
from ostinato.layers import SequenceLayer
from ostinato.padded import Padded
from ostinato.testing import samples
from ostinato.testing.derivatives import check_derivatives
from ostinato.testing.samples import inputs_for, offline, row_of
from ostinato.testing.tolerances import GRADIENTS, HALF, assert_close, assert_rows, assert_same, assert_states

Law: TypeAlias = Callable[[SequenceLayer], None]

SHORT, LONG = 8, 65_536


def outputs_have_their_shape(layer: SequenceLayer) -> None:
    """A row of T steps gives ceil(T / stride) outputs of `outputs` numbers, in the layer's own dtype."""
    layer, x = samples.still(layer), inputs_for(layer)
    out = offline(layer, x)
    expected = samples.output_lengths(layer, x.lengths)
    assert out.lengths.tolist() == expected, f"{x.lengths.tolist()} steps gave {out.lengths.tolist()}, not {expected}"
    assert out.data.shape[::2] == (x.batch, layer.outputs), f"outputs are {list(out.data.shape)}"
    assert out.steps <= -(-x.steps // layer.stride), f"a tensor of {x.steps} steps became one of {out.steps}"
    assert out.data.dtype == samples.dtype_of(layer), f"outputs are {out.data.dtype}"


def forgets_between_calls(layer: SequenceLayer) -> None:
    """Nothing is kept on the module: a second call gives the same bits, and leaves the inputs and the state alone."""
    layer, x = samples.still(layer), inputs_for(layer)
    before = x.data.clone()
    state = layer.initial(x.batch)
    before_call = {name: leaf.clone() for name, leaf in states.flatten(state).items()}
    first, _ = layer(x, state if layer.latency is not None else None)
    layer(inputs_for(layer, seed=5))
    again, _ = layer(x, state if layer.latency is not None else None)
    assert_same(Padded(again.data, again.lengths).zeroed().data, first.zeroed().data, "a second call")
    assert_same(x.data, before, "the inputs after a call")
    for name, leaf in states.flatten(state).items():
        assert_same(leaf, before_call[name], f"state {name} after a call")


def padding_is_invisible(layer: SequenceLayer) -> None:
    """NaN (for tokens: an id that no vocabulary has) behind a row changes no value and no gradient."""
    layer, clean = samples.still(layer), samples.leaf(inputs_for(layer))
    dirty = samples.leaf(samples.spoilt(clean))
    assert_rows(offline(layer, dirty), offline(layer, clean), "with NaN as padding")
    spoilt = samples.gradients(layer, lambda: samples.weighed(offline(layer, dirty)), dirty)
    expected = samples.gradients(layer, lambda: samples.weighed(offline(layer, clean)), clean)
    for name, grad in expected.items():
        assert_close(spoilt[name], grad, f"gradient by {name} with NaN as padding", GRADIENTS)
    if "input" in spoilt:
        assert not spoilt["input"][~dirty.mask].any(), "the gradient by the padding is not zero"
    more = clean.stretched(clean.steps + 3)
    assert_rows(offline(layer, more), offline(layer, clean), "with more padding")
    if layer.latency is not None:
        assert_states(layer(dirty)[1], layer(clean)[1], "the state with NaN as padding")


def rows_do_not_interact(layer: SequenceLayer) -> None:
    """A row alone is the row in any batch, and another order of the rows is that order of the answers."""
    layer, x = samples.still(layer), inputs_for(layer)
    out = offline(layer, x)
    for number, row in enumerate(out.rows()):
        alone = offline(layer, row_of(x, number)).rows()[0]
        assert_close(alone, row, f"row {number} alone")
    order = torch.tensor([3, 1, 4, 0, 2])
    mixed = offline(layer, Padded(x.data[order], x.lengths[order]))
    assert_rows(mixed, Padded(out.data[order], out.lengths[order]), "in another order")
    changed = x.map(lambda data: torch.cat([data[:-2], data[-2:-1].roll(1, 1), data[-1:]]))
    others = offline(layer, changed).rows()
    for number in (0, 1, 2, 4):
        assert_close(others[number], out.rows()[number], f"row {number} beside another row 3")


def cutting_time_changes_nothing(layer: SequenceLayer) -> None:
    """However the rows are cut, each at places of its own, values, gradients and the last state are the whole's."""
    if layer.latency is None:
        return
    layer, x = samples.still(layer), samples.leaf(inputs_for(layer))
    _, last = layer(x)
    expected = offline(layer, x)
    grads = samples.gradients(layer, lambda: samples.weighed(offline(layer, x)), x)
    for seed in range(4):
        cuts = samples.random_cuts(x.lengths.tolist(), 2 + seed, seed)
        out, state = samples.in_pieces(layer, samples.cut(x, cuts), layer.initial(x.batch))
        assert_rows(out, expected, f"cut as {cuts}")
        assert_states(state, last, f"the state, cut as {cuts}")
        pieces = samples.gradients(layer, lambda out=out: samples.weighed(out), x)  # type: ignore[misc]
        for name, grad in grads.items():
            assert_close(pieces[name], grad, f"gradient by {name}, cut as {cuts}", GRADIENTS)


def a_stream_is_the_whole(layer: SequenceLayer) -> None:
    """One step at a time and then `finish`, with the state saved and loaded at every step, give the offline outputs,
    each when it is due."""
    if layer.latency is None:
        return
    steps = max(7, layer.latency + layer.stride + 2)
    layer = samples.still(layer)
    x = inputs_for(layer, (steps, steps))
    expected = offline(layer, x)
    state, outputs = layer.initial(2), Padded(expected.data[:, :0], torch.zeros(2, dtype=torch.int64))
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        for t in range(steps):
            out, state = layer(Padded(x.data[:, t : t + 1], torch.ones(2, dtype=torch.int64)), state)
            outputs = outputs.then(out)
            due = samples.due_lengths(layer, torch.tensor([t + 1, t + 1]))
            assert outputs.lengths.tolist() == due, f"after {t + 1} steps {outputs.lengths.tolist()} outputs, not {due}"
            states.save(state, Path(folder) / "state.safetensors")
            loaded = states.load(Path(folder) / "state.safetensors", layer.initial(1))
            for name, leaf in states.flatten(state).items():
                assert_same(states.flatten(loaded)[name], leaf, f"state {name}, saved and loaded")
            assert type(loaded) is type(state), f"a {type(state).__name__} came back as {type(loaded).__name__}"
            state = loaded
        assert_rows(outputs.then(layer.finish(state)), expected, "streamed")


def outputs_come_when_due(layer: SequenceLayer) -> None:
    """Output k is there after k · stride + 1 + latency steps, no sooner and no later, and depends on no later step; a
    layer that needs the whole sequence refuses a state."""
    layer, latency = samples.still(layer), layer.latency
    steps = max(9, 2 * layer.stride + (latency or 0) + 1)
    x = inputs_for(layer, (steps, 4), extra=0)
    if latency is None:
        assert _refuses(lambda: layer(x, _strange(layer.initial(2)))), "it needs the whole sequence but takes a state"
        return
    for t in range(1, steps + 1):
        lengths = x.lengths.clamp_max(t)
        out, _ = layer(Padded(x.data[:, :t], lengths))
        due = samples.due_lengths(layer, lengths)
        assert out.lengths.tolist() == due, f"after {lengths.tolist()} steps {out.lengths.tolist()} outputs, not {due}"
    row = offline(layer, x).rows()[0]
    for t in range(1, steps):
        changed = x.map(lambda data, t=t: torch.cat([data[:, :t], data[:, t:].roll(1, 1)], dim=1))  # type: ignore[misc]
        sure = samples.due_lengths(layer, torch.tensor([t]))[0]
        assert_close(offline(layer, changed).rows()[0][:sure], row[:sure], f"outputs due before step {t} changed")


def empty_inputs_work(layer: SequenceLayer) -> None:
    """No steps, no rows, and rows that are all padding are no error, and leave the state as it was."""
    layer = samples.still(layer)
    for lengths, extra in (((0, 0), 0), ((0, 0), 3), ((), 0), ((), 4)):
        x = inputs_for(layer, lengths, extra=extra)
        out = offline(layer, x)
        assert out.lengths.tolist() == list(lengths), f"{lengths} steps gave {out.lengths.tolist()} outputs"
        assert list(out.data.shape[::2]) == [len(lengths), layer.outputs], f"{lengths} gave {list(out.data.shape)}"
        if layer.latency is not None:
            begun = layer(inputs_for(layer, (2,) * len(lengths)))[1] if lengths else layer.initial(0)
            assert_states(layer(x, begun)[1], begun, "the state after nothing")


def strange_states_are_refused(layer: SequenceLayer) -> None:
    """A state of other rows or of another layer raises StreamError in one sentence, before anything is computed."""
    layer = samples.still(layer)
    x = inputs_for(layer, (2, 2, 2))
    assert _refuses(lambda: layer(x, _strange(layer.initial(3)))), "a state of another layer was taken"
    if layer.latency is not None and states.batch_of(layer.initial(2)) is not None:
        assert _refuses(lambda: layer(x, layer.initial(2))), "a state of two rows was taken for three"


def states_can_be_arranged(layer: SequenceLayer) -> None:
    """Going on from rows that were selected, joined or detached is going on from them in the batch they came from."""
    if layer.latency is None:
        return
    layer = samples.still(layer)
    first, then = inputs_for(layer, (5, 2, 4)), inputs_for(layer, (4, 5, 3), seed=2)
    _, state = layer(first)
    expected = samples.in_pieces(layer, [then], state)[0]
    order = [2, 0, 0]
    chosen = samples.in_pieces(layer, [Padded(then.data[order], then.lengths[order])], states.select(state, order))[0]
    assert_rows(chosen, Padded(expected.data[order], expected.lengths[order]), "from selected rows")
    single = [layer(row_of(first, row))[1] for row in range(3)]
    assert_rows(samples.in_pieces(layer, [then], states.cat(single))[0], expected, "from joined rows")
    free = states.detach(state)
    assert not any(leaf.requires_grad for leaf in states.flatten(free).values()), (
        "a detached state holds on to its graph"
    )
    assert_rows(samples.in_pieces(layer, [then], free)[0], expected, "from a detached state")


def derivatives_are_right(layer: SequenceLayer) -> None:
    """First and second derivatives in float64 against finite differences, through every parameter, input and state."""
    double: Any = samples.still(layer)
    double.double()
    x = samples.leaf(samples.exact(inputs_for(double, (3, 1), extra=1)))
    if double.latency is None:
        check_derivatives(double, lambda data: offline(double, Padded(data, x.lengths)), x)
        return
    first = states.detach(double(samples.exact(inputs_for(double, (2, 2), seed=4)))[1])
    check_derivatives(double, lambda data: samples.in_pieces(double, [Padded(data, x.lengths)], first)[0], x)


def half_precision_works(layer: SequenceLayer) -> None:
    """In bfloat16 the answers and the state are bfloat16 and, but for its few digits, the same."""
    half: Any = samples.still(layer)
    x = inputs_for(half, (6, 3))
    expected = offline(half, x)
    half.to(torch.bfloat16)
    short = x.map(lambda data: data.to(torch.bfloat16) if data.is_floating_point() else data)
    out = offline(half, short)
    assert out.data.dtype == torch.bfloat16, f"outputs are {out.data.dtype} in a layer of bfloat16"
    assert_rows(out.map(Tensor.float), expected, "in bfloat16", HALF)
    if half.latency is not None:
        for name, leaf in states.flatten(half(short)[1]).items():
            assert leaf.dtype != torch.float32, f"state {name} is float32 in a layer of bfloat16"


def size_does_not_depend_on_time(layer: SequenceLayer) -> None:
    """One parameter count and one size of state for 8 · stride steps and for 65,536 (rounded down to whole strides)."""
    fixed: Any = samples.still(layer)
    sizes = []
    with torch.inference_mode():
        for steps in (SHORT * fixed.stride, LONG // fixed.stride * fixed.stride):
            out, state = fixed(inputs_for(fixed, (steps,), extra=0))
            leaves = {name: tuple(leaf.shape) for name, leaf in states.flatten(state).items()}
            sizes.append((sum(p.numel() for p in fixed.parameters()), leaves))
            assert out.data.isfinite().all(), f"after {steps} steps an output is not finite"
    assert sizes[0] == sizes[1], f"few steps: {sizes[0]}; many steps: {sizes[1]}"


LAWS: Final[tuple[Law, ...]] = (
    outputs_have_their_shape,
    forgets_between_calls,
    padding_is_invisible,
    rows_do_not_interact,
    cutting_time_changes_nothing,
    a_stream_is_the_whole,
    outputs_come_when_due,
    empty_inputs_work,
    strange_states_are_refused,
    states_can_be_arranged,
    derivatives_are_right,
    half_precision_works,
    size_does_not_depend_on_time,
)


def _strange(state: states.State) -> states.State:
    return (state, torch.zeros(max(states.batch_of(state) or 0, 1), 2))


def _refuses(call: Callable[[], object]) -> bool:
    try:
        call()
    except StreamError as error:
        message = str(error)
        assert "\n" not in message, f"the refusal is more than one sentence: {message!r}"
        assert ";" in message, f"the refusal does not say what to do: {message!r}"
        return True
    return False

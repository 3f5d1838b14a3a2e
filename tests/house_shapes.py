"""Shapes that docstrings state ("[B T D] to [B T H]"), and what a class makes of tiny tensors of these shapes."""

import re
from typing import Any

import torch

from ostinato.padded import Padded
from ostinato.testing import samples

STATED = re.compile(r"\[([^\[\]]*)\](?:, \w+ \[[^\[\]]*\])*[^\[\];]*? to [^\[\];]*?\[([^\[\]]*)\]")
"""The shape of the first argument and that of the result; other arguments may stand between them."""
AXES = {"B": 2, "T": 5, "N": 3, "...": (2, 5)}
NAMED = {"D": "inputs", "H": "outputs", "V": "outputs"}


def stated(kind: type, method: str) -> tuple[str, str]:
    """The shapes before and after, as the method says or its class, or else a class above."""
    for doc in (*(vars(above)[method].__doc__ for above in kind.__mro__ if method in vars(above)), kind.__doc__):
        match = STATED.search(doc or "")
        if match:
            return match[1], match[2]
    raise AssertionError(f"{kind.__name__}.{method}: no docstring of it says '[B T …] to [B T …]'")


def sizes(thing: Any, shape: str) -> list[int]:
    """The sizes of axes: letters as in `AXES` and `NAMED`, any other word an attribute of the thing."""
    listed: list[int] = []
    for axis in shape.split():
        if axis == "G":
            listed.append(thing.gates * thing.hidden)
        elif axis == "T'":  # what a layer with a stride leaves of T steps
            listed.append(-(-AXES["T"] // getattr(thing, "stride", 1)))
        elif axis in AXES:
            listed += AXES[axis] if isinstance(AXES[axis], tuple) else [AXES[axis]]
        else:
            listed.append(getattr(thing, NAMED.get(axis, axis)))
    return listed


def check_cell(cell: Any) -> None:
    """`project`, `step` and `run` come to the shapes that they state."""
    state, lengths = cell.initial(AXES["B"]), torch.full((AXES["B"],), AXES["T"])
    calls = {
        "project": lambda x: cell.project(x, state),
        "step": lambda x: cell.step(x, state),
        "run": lambda x: cell.run(x, state, lengths),
    }
    for method, call in calls.items():
        before, after = stated(type(cell), method)
        _compare(cell, method, call(torch.randn(sizes(cell, before)))[0], after)


def check_layer(layer: Any) -> None:
    """The layer's whole answer to what its `forward` takes has the shape that it states."""
    before, after = stated(type(layer), "forward")
    shape = sizes(layer, before)
    x = torch.randint(0, layer.inputs, shape[:2]) if samples.takes_tokens(layer) else torch.randn(shape)
    _compare(layer, "forward", samples.offline(samples.still(layer), Padded.full(x)).data, after)


def check_output(output: Any) -> None:
    """An output layer's `logits` have the shape that they state."""
    before, after = stated(type(output), "logits")
    _compare(output, "logits", output.logits(torch.randn(sizes(output, before))), after)


def _compare(thing: Any, method: str, result: torch.Tensor, shape: str) -> None:
    assert list(result.shape) == sizes(thing, shape), (
        f"{type(thing).__name__}.{method}: its docstring says [{shape}], that is {sizes(thing, shape)}, "
        f"and it gives {list(result.shape)}"
    )

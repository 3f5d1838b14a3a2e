"""One step of one live stream, called from Python, with the state carried between calls."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ostinato.bench import onnx
from ostinato.bench.contest import Contender, Contest
from ostinato.bench.grid import BenchCase
from ostinato.bench.roofline import SQUASHES, Work, recurrence
from ostinato.bench.sequence import twins
from ostinato.stepping import stepper

CELLS: dict[str, Callable[..., nn.RNNCellBase]] = {"lstm": nn.LSTMCell, "gru": nn.GRUCell, "rnn": nn.RNNCell}


def contest(case: BenchCase) -> Contest:
    """Our stepper of NumPy arrays against torch's layer with T = 1, torch's cell, and ONNX Runtime's bound buffers."""
    theirs, ours = twins(case)
    cell = CELLS[case.layer](case.hidden, case.hidden)
    cell.load_state_dict({name.removesuffix("_l0"): value for name, value in theirs.state_dict().items()})
    x = torch.randn(1, 1, case.hidden)
    rivals = {"torch": _carried(theirs, x), "torch_cell": _carried(cell, x[0])}
    if not onnx.missing():
        rivals["onnx"] = Contender(*onnx.step(theirs, x, case.threads))
    phases = recurrence(case.layer, 1, 1, case.hidden, case.hidden, x.element_size(), train=False)
    return Contest(_stepper(ours, x), Work(tuple(phases), squashes=SQUASHES[case.layer] * case.hidden), rivals)


def _stepper(layer: nn.RNNBase, x: Tensor) -> Contender:
    compiled = stepper(layer)
    element = np.ascontiguousarray(x.numpy()[0, 0])
    call = partial(compiled.step, element, compiled.state())
    return Contender(call, lambda: compiled.step(element, compiled.state()))


def _carried(module: nn.Module, x: Tensor) -> Contender:
    """A layer, which returns outputs and state, or a cell, which returns the state alone, called step by step."""
    is_layer = isinstance(module, nn.RNNBase)
    state: Any = None

    def call() -> None:
        nonlocal state
        result = module(x, state)
        state = result[1] if is_layer else result

    def first() -> Any:
        result = module(x)
        return result[0] if is_layer or isinstance(result, tuple) else result

    contender: Callable[[], None] = call
    return Contender(contender, first)

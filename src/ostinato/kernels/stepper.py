"""Stepper: a stack of layers compiled into one C++ object that runs one step at a time and allocates nothing."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import ostinato._core as _core
from ostinato.errors import StreamError
from ostinato.kernels.checks import buffer, plain
from ostinato.kernels.scan import Scan, Weights

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]
Layer = tuple[Scan, Weights]


class Stepper:
    """Single steps of live streams, with the same bits as the layers give in float32.

    `inputs`, `outputs` and `tokens` are sizes. Where `tokens` is not 0 a step takes a token id, otherwise a vector
    [inputs]. A stream's state is a row [numbers] of float32, h and then c of each layer, changed in place. The weights
    are copied at construction: construct another stepper after training. Not for use from two threads at once.

    `embedding` is [tokens D]; `head` a weight [outputs P] and a bias [outputs] or None. Raises StreamError where a
    weight is not float32 on the CPU, or where a layer has no input weight.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        embedding: Tensor | None = None,
        head: tuple[Tensor, Tensor | None] | None = None,
    ) -> None:
        tensors: list[Tensor] = []  # until the compiled object has copied them

        def place(tensor: Tensor | None) -> tuple[int, int]:
            if tensor is None:
                return (0, 0)
            if tensor.dtype is not torch.float32 or not tensor.is_cpu:
                raise StreamError(
                    f"stepper: a weight is {tensor.dtype} on {tensor.device.type}; "
                    "move the model with .float().cpu() first"
                )
            tensors.append(plain(tensor.detach()))
            return buffer(tensors[-1])

        given = []
        for scan, weights in layers:
            if weights.input is None:
                raise StreamError(
                    "stepper: a layer has no input weight; give a layer that multiplies its inputs itself"
                )
            outputs, inputs = weights.hidden.shape[1], weights.input.shape[1]
            hidden = weights.hidden.shape[0] // scan.gates
            given.append((_core.cells.index(scan.name), inputs, hidden, outputs, [place(w) for w in weights]))
        last = given[-1][3] if given else 0
        weight, bias = head or (None, None)
        self._compiled = _core.compile(
            given,
            place(embedding),
            0 if embedding is None else embedding.shape[0],
            place(weight),
            place(bias),
            last if weight is None else weight.shape[0],
        )
        self.inputs: int = self._compiled.inputs
        self.tokens: int = self._compiled.tokens
        self.outputs: int = self._compiled.outputs
        self.numbers: int = self._compiled.numbers
        self._x: Any = np.zeros(1, np.int64) if self.tokens else np.zeros(self.inputs, np.float32)
        self._shape = () if self.tokens else (self.inputs,)
        self._out = np.zeros(self.outputs, np.float32)
        self._state: Floats | None = None
        self._step: Callable[[], None] | None = None

    def state(self, streams: int | None = None) -> Floats:
        """A first state: zeros [numbers] for one stream, [streams numbers] for several."""
        return np.zeros(self.numbers if streams is None else (streams, self.numbers), np.float32)

    def step(self, x: Any, state: Floats) -> Floats:
        """One step of one stream: x [inputs] (anything NumPy reads as float32) or a token id, to outputs [outputs] in a
        buffer that the next step overwrites; `state` [numbers] changes in place.

        Raises ValueError where sizes or types do not fit.
        """
        if state is not self._state:
            self._step = self.bind(self._x, state.reshape(1, -1), out=self._out.reshape(1, -1))._step
            self._state = state
        if np.shape(x) != self._shape:
            raise ValueError(f"stepper.step: x is {list(np.shape(x))}; it must be {list(self._shape)}.")
        self._x[:] = x
        self._step()  # type: ignore[misc]
        return self._out

    def bind(self, x: Any, states: Floats, rows: Integers | None = None, out: Floats | None = None) -> "Bound":
        """A step over fixed arrays: x [N inputs] or tokens [N], `states` [S numbers], `rows` [N] (the state of each;
        without it the first N) and `out` [N outputs]. Each call of the result reads x and changes `states` and `out`.

        Raises ValueError where an array is not C-contiguous or of the wrong type or size.
        """
        count = x.shape[0] if self.tokens else x.size // self.inputs
        if out is None:
            out = np.zeros((count, self.outputs), np.float32)
        named = {
            "x": (x, np.int64 if self.tokens else np.float32),
            "states": (states, np.float32),
            "rows": (rows, np.int64),
            "out": (out, np.float32),
        }
        places = {name: _place(name, array, dtype) for name, (array, dtype) in named.items()}
        step = _core.BoundStep(self._compiled, count, places["x"], places["states"], places["rows"], places["out"])
        return Bound(step, out, (x, states, rows))

    def step_rows(self, x: Any, states: Floats, rows: Integers | None = None) -> Floats:
        """One step of N streams: x [N inputs] or tokens [N], `states` [S numbers], `rows` [N] to [N outputs]; `states`
        changes in place. Where the arrays stay the same, calling `bind` once is faster.

        Raises ValueError where sizes or types do not fit.
        """
        x = np.ascontiguousarray(x, np.int64 if self.tokens else np.float32)
        axes = 1 if self.tokens else 2
        if x.ndim != axes or (axes == 2 and x.shape[1] != self.inputs):
            raise ValueError(
                f"stepper.step_rows: x is {list(x.shape)}; it must be "
                f"{'[rows]' if self.tokens else f'[rows, {self.inputs}]'}."
            )
        return self.bind(x, states, rows)()


class Bound:
    """A step over fixed arrays, from `Stepper.bind`; a call runs it and returns `out` [N outputs]."""

    def __init__(self, step: Callable[[], None], out: Floats, arrays: tuple[Any, ...]) -> None:
        self._step, self.out, self._arrays = step, out, arrays

    def __call__(self) -> Floats:
        """Runs the step: [N outputs]."""
        self._step()
        return self.out


def _place(name: str, array: Any, dtype: Any) -> tuple[int, int]:
    if array is None:
        return (0, 0)
    if not isinstance(array, np.ndarray) or array.dtype != dtype or not array.flags.c_contiguous:
        actual = f"{array.dtype}" if isinstance(array, np.ndarray) else type(array).__name__
        raise ValueError(f"stepper: {name} is {actual}; give a C-contiguous NumPy array of {np.dtype(dtype).name}.")
    return (array.ctypes.data, array.size)

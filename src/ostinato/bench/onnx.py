"""The same layers in ONNX Runtime, which the extra `export` installs; only this file imports it."""

import importlib.util
import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor, nn

OPSET = 17
OPERATORS = {"lstm": "LSTM", "gru": "GRU", "rnn": "RNN"}
ORDERS = {
    "lstm": (0, 3, 1, 2),
    "gru": (1, 0, 2),
    "rnn": (0,),
}  # indices of torch's gates in ONNX's order: i o f g, z r n


def missing() -> str:
    """Why ONNX Runtime cannot be used; empty where it can."""
    absent = [name for name in ("onnx", "onnxruntime") if importlib.util.find_spec(name) is None]
    return f'{" and ".join(absent)} not installed; pip install "ostinato[export]"' if absent else ""


def sequence(layer: nn.RNNBase, x: Tensor, threads: int) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Outputs for x [B T D] from a zero state: the call to time, and one whose result is [B T H] as in torch."""
    session = _session(layer, x.shape[1], x.shape[0], threads, state=False)
    given = {"x": np.ascontiguousarray(x.numpy().transpose(1, 0, 2))}  # ONNX Runtime supports time first only
    call = partial(session.run, ["y"], given)
    return call, lambda: call()[0][:, 0].transpose(1, 0, 2)


def step(layer: nn.RNNBase, x: Tensor, threads: int) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """One step of one stream, x [1 1 D], with its state carried: the call to time, and a call whose result is h [1 1
    H].

    Inputs and outputs are bound buffers, the state alternating between two, which is ONNX Runtime's fastest way.
    """
    import onnxruntime

    session = _session(layer, 1, 1, threads, state=True)
    names = ("h", "c") if isinstance(layer, nn.LSTM) else ("h",)
    zeros = np.zeros((1, 1, layer.hidden_size), np.float32)
    buffers = [{name: onnxruntime.OrtValue.ortvalue_from_numpy(zeros.copy()) for name in names} for _ in range(2)]
    bindings = []
    for before, after in (buffers, buffers[::-1]):
        binding = session.io_binding()
        binding.bind_cpu_input("x", x.numpy())
        for name in names:
            binding.bind_ortvalue_input(name, before[name])
            binding.bind_ortvalue_output(f"{name}_after", after[name])
        bindings.append(binding)
    turns = itertools.cycle(bindings)

    def call() -> None:
        session.run_with_iobinding(next(turns))

    def first() -> Any:
        session.run_with_iobinding(bindings[0])
        return buffers[1]["h"].numpy()

    return call, first


def _session(layer: nn.RNNBase, steps: int, batch: int, threads: int, state: bool) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry(
        "session.force_spinning_stop", "1"
    )  # its threads would slow down the next contender
    model = _model(layer, steps, batch, state)
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def _model(layer: nn.RNNBase, steps: int, batch: int, state: bool) -> Any:
    """A graph of one node: with `state` from x and h (and c) to the next h (and c), without it from x to y."""
    from onnx import TensorProto, checker, helper, numpy_helper

    cell, hidden = type(layer).__name__.lower(), layer.hidden_size
    state_names = ("h", "c")[: 1 + (cell == "lstm")] if state else ()
    sizes = {"x": (steps, batch, layer.input_size), "y": (steps, 1, batch, hidden)}
    inputs = ["x", "weight", "recurrent", "bias", "", *state_names]
    outputs = ["", *(f"{name}_after" for name in state_names)] if state else ["y"]
    node = helper.make_node(
        OPERATORS[cell],
        inputs if state else inputs[:4],
        outputs,
        hidden_size=hidden,
        **({"linear_before_reset": 1} if cell == "gru" else {}),
    )

    def values(names: tuple[str, ...]) -> list[Any]:
        shapes = [sizes.get(name, (1, batch, hidden)) for name in names]
        return [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in zip(names, shapes, strict=True)]

    graph = helper.make_graph(
        [node],
        cell,
        values(("x", *state_names)),
        values(tuple(outputs[1:]) if state else ("y",)),
        [numpy_helper.from_array(value, name) for name, value in _weights(layer, cell).items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    checker.check_model(model)
    return model


def _weights(layer: nn.RNNBase, cell: str) -> dict[str, Any]:
    """torch's weights with the gates in ONNX's order and a first axis of one direction."""
    parameters = {name: value.detach().numpy() for name, value in layer.named_parameters()}

    def reordered(name: str) -> Any:
        gates = np.split(parameters[name], len(ORDERS[cell]))
        return np.concatenate([gates[gate] for gate in ORDERS[cell]])[None]

    return {
        "weight": reordered("weight_ih_l0"),
        "recurrent": reordered("weight_hh_l0"),
        "bias": np.concatenate([reordered("bias_ih_l0"), reordered("bias_hh_l0")], axis=1),
    }

"""A recurrent layer over whole sequences: ours, torch.nn's, and ONNX Runtime's if installed."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

import ostinato.nn
from ostinato.bench import onnx
from ostinato.bench.contest import Contender, Contest
from ostinato.bench.grid import BenchCase
from ostinato.bench.roofline import SQUASHES, Work, recurrence

LAYERS: dict[str, tuple[Callable[..., nn.RNNBase], Callable[..., nn.RNNBase]]] = {
    "lstm": (nn.LSTM, ostinato.nn.LSTM),
    "gru": (nn.GRU, ostinato.nn.GRU),
    "rnn": (nn.RNN, ostinato.nn.RNN),
}


def twins(case: BenchCase) -> tuple[nn.RNNBase, nn.RNNBase]:
    """torch.nn's layer, and ours with the same weights."""
    dtype = getattr(torch, case.dtype)
    theirs, ours = (kind(case.hidden, case.hidden, batch_first=True, dtype=dtype) for kind in LAYERS[case.layer])
    ours.load_state_dict(theirs.state_dict())
    return theirs, ours


def contest(case: BenchCase) -> Contest:
    """Ours against the others: outputs in inference, the gradients of x and of all parameters in training."""
    theirs, ours = twins(case)
    train = case.what == "train"
    shape = (case.batch, case.steps, case.hidden)
    x = torch.randn(shape, dtype=getattr(torch, case.dtype), requires_grad=train)
    grad = torch.randn_like(x)
    bytes_each = x.element_size()
    phases = recurrence(
        case.layer, case.batch * case.steps, case.steps, case.hidden, case.hidden, bytes_each, train=train
    )
    rivals = {"torch": Contender(_call(theirs, x, grad))}
    if not train and case.dtype == "float32" and not onnx.missing():
        call, outcome = onnx.sequence(theirs, x, case.threads)
        rivals["onnx"] = Contender(call, outcome, has_own_threads=case.threads > 1)
    work = Work(tuple(phases), case.dtype, SQUASHES[case.layer] * case.batch * case.steps * case.hidden)
    return Contest(Contender(_call(ours, x, grad)), work, rivals)


def _call(layer: nn.RNNBase, x: Tensor, grad: Tensor) -> Callable[[], Any]:
    inputs = [x, *layer.parameters()]
    if x.requires_grad:
        return lambda: torch.autograd.grad(layer(x)[0], inputs, grad)
    return lambda: layer(x)[0]

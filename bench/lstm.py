"""A whole LSTM layer (linear and scan) against torch.nn.LSTM: `python bench/lstm.py [--json]`.

The two take turns call by call, after a warm-up, so that what else the machine does falls on both; figures are medians.
"""

import argparse
import json
import platform
import statistics
import time

import torch
from torch import nn

from ostinato import kernels


class Cell(nn.Module):
    """What the scan needs of a cell: its weights. Its step is never called here."""

    def __init__(self, layer: nn.LSTM) -> None:
        super().__init__()
        self.recurrent = nn.Linear(layer.hidden_size, 4 * layer.hidden_size, bias=False)
        self.recurrent.weight = layer.weight_hh_l0


def ours(layer: nn.LSTM, cell: Cell, x: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    gates = kernels.linear(x, layer.weight_ih_l0, layer.bias_ih_l0 + layer.bias_hh_l0)
    state = (x.new_zeros(len(x), layer.hidden_size), x.new_zeros(len(x), layer.hidden_size))
    return kernels.lstm(cell, gates, state, lengths)[0]


def pair(batch: int, steps: int, hidden: int, train: bool):
    """Two functions of nothing: torch's and ours, forward and, for training, all gradients of weights and inputs."""
    layer = nn.LSTM(hidden, hidden, batch_first=True)
    cell, lengths = Cell(layer), torch.full((batch,), steps)
    x = torch.randn(batch, steps, hidden, requires_grad=train)
    grad = torch.randn(batch, steps, hidden)
    wanted = [x, *layer.parameters()]

    def run(forward):
        if not train:
            with torch.no_grad():
                return forward()
        return torch.autograd.grad(forward(), wanted, grad)

    return lambda: run(lambda: layer(x)[0]), lambda: run(lambda: ours(layer, cell, x, lengths))


def medians(functions, seconds: float) -> list[float]:
    for _ in range(3):
        for function in functions:
            function()
    times = [[] for _ in functions]
    start = time.perf_counter()
    while time.perf_counter() - start < seconds or len(times[0]) < 5:
        for function, spent in zip(functions, times, strict=True):
            before = time.perf_counter()
            function()
            spent.append(time.perf_counter() - before)
    return [statistics.median(spent) for spent in times]


def rows(seconds: float):
    shapes = [(32, 128, hidden, True) for hidden in (64, 128, 256)] + [
        (1, 256, hidden, False) for hidden in (64, 128, 256)
    ]
    for threads in (1, 2):
        torch.set_num_threads(threads)
        for batch, steps, hidden, train in shapes:
            theirs, mine = medians(pair(batch, steps, hidden, train), seconds)
            operations = 2 * 8 * batch * steps * hidden**2 * (3 if train else 1)
            yield {
                "pass": "train" if train else "infer",
                "batch": batch,
                "steps": steps,
                "hidden": hidden,
                "threads": threads,
                "torch_ms": theirs * 1e3,
                "ours_ms": mine * 1e3,
                "ratio": theirs / mine,
                "gigaflops": operations / mine / 1e9,
            }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each row")
    arguments = parser.parse_args()
    machine = {"machine": platform.processor() or platform.machine(), "isa": kernels.isa(), "torch": torch.__version__}
    if arguments.json:
        print(json.dumps({**machine, "rows": list(rows(arguments.seconds))}))
        return
    print("  ".join(f"{name} {value}" for name, value in machine.items()))
    print("pass   batch steps hidden threads  torch ms   ours ms  ratio   GF/s")
    for row in rows(arguments.seconds):
        print(
            f"{row['pass']}  {row['batch']:5} {row['steps']:5} {row['hidden']:6} {row['threads']:7} "
            f"{row['torch_ms']:9.2f} {row['ours_ms']:9.2f} {row['ratio']:6.2f} {row['gigaflops']:6.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()

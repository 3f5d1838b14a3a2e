"""The measured limits of this machine: multiply-adds a second, bytes a second from each level of memory, and the time
of an LSTM's pointwise map alone."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

import torch

from ostinato.bench.machine import Machine
from ostinato.kernels import linear
from ostinato.nn import LSTM

SIZES = (512, 1024)  # of the square products: they fit into the caches, and their edges cost little
MAP = {"batch": 32, "steps": 64, "hidden": 128}  # of the layer whose products are negligible
SQUASHED = 5  # sigmoids and tanhs of an LSTM a unit and step
PASSES_BYTES = 64 * 2**20  # read at least, so that the call itself costs little


@dataclass(frozen=True)
class Ceiling:
    """Limits of `threads` threads together: `flops` is operations a second by dtype, `bandwidth` bytes a second by
    level of memory, `caches` bytes by level, and `squashing` seconds for one sigmoid or tanh of a cell's map with its
    share of the rest of the map, by pass ("infer", "train")."""

    threads: int
    flops: dict[str, float]
    bandwidth: dict[str, float]
    caches: dict[str, int]
    squashing: dict[str, float]

    def bytes_per_second(self, working_set: int) -> float:
        """The bandwidth of repeatedly reading `working_set` bytes, divided among the threads."""
        for level in ("L1", "L2"):
            if working_set / self.threads <= self.caches[level]:
                return self.bandwidth[level]
        return self.bandwidth["L3" if working_set <= self.caches["L3"] else "DRAM"]


def measure(machine: Machine, threads: int, dtypes: Collection[str], seconds: float) -> Ceiling:
    """Measures the limits, `seconds` for each product and each level of memory; each is the best of its trials."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.inference_mode():
            flops = {dtype: max(_flops(getattr(torch, dtype), size, seconds) for size in SIZES) for dtype in dtypes}
            sizes = {level: _bytes_within(machine, level, threads) for level in ("L1", "L2", "L3", "DRAM")}
            bandwidth = {level: _bandwidth(size, threads, seconds) for level, size in sizes.items()}
        squashing = {what: _squashing(what == "train", seconds) for what in ("infer", "train")}
    finally:
        torch.set_num_threads(before)
    return Ceiling(threads, flops, bandwidth, machine.caches, squashing)


def _best(call: Callable[[], object], seconds: float) -> float:
    """The least seconds of a call: the best, not the median, has the least of the machine's other work in it."""
    call()
    least, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end or least == float("inf"):
        start = time.perf_counter()
        call()
        least = min(least, time.perf_counter() - start)
    return least


def _flops(dtype: torch.dtype, size: int, seconds: float) -> float:
    """Operations a second of a product of two square matrices, by torch.mm or kernels.linear, whichever is faster."""
    a, b = torch.rand(2, size, size, dtype=dtype)
    out = torch.empty_like(a)
    calls: tuple[Callable[[], object], ...] = (lambda: torch.mm(a, b, out=out), lambda: linear(a, b))
    return 2 * size**3 / min(_best(call, seconds / 2) for call in calls)


def _bytes_within(machine: Machine, level: str, threads: int) -> int:
    """Bytes a thread that fit well into the level, and do not fit into the level below it."""
    if level == "DRAM":
        return max(4 * machine.caches["L3"], 2**27) // threads
    return machine.caches[level] // (4 * threads if level == "L3" else 2)  # L3 is shared, also with other programs


def _bandwidth(size: int, threads: int, seconds: float) -> float:
    """Bytes a second of torch.sum over a view that repeats each thread's own array, read many times in one call."""
    elements = max(size // 4, 1)
    repeats = max(PASSES_BYTES // (size * threads), 1)
    view = torch.ones(threads * elements).as_strided((threads, repeats, elements), (elements, 0, 1))
    return view.numel() * 4 / _best(lambda: view.sum((1, 2)), seconds)


def _squashing(train: bool, seconds: float) -> float:
    """Seconds a sigmoid or tanh of an LSTM with one input and its state projected to one number: no large products."""
    batch, steps, hidden = MAP.values()
    layer = LSTM(1, hidden, batch_first=True, proj_size=1)
    x, grad = torch.randn(batch, steps, 1), torch.randn(batch, steps, 1)
    parameters = list(layer.parameters())

    def call() -> None:
        with torch.inference_mode(not train):
            out, _ = layer(x)
            if train:
                torch.autograd.grad(out, parameters, grad)

    return _best(call, seconds) / (batch * steps * hidden * SQUASHED)

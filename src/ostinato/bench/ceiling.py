"""What this machine can do at most, measured: multiply-adds a second, bytes a second from each level of memory, and
what the gates' map costs where there is nothing to multiply."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

import torch

from ostinato.bench.machine import Machine
from ostinato.kernels import linear
from ostinato.nn import LSTM

SIZES = (512, 1024)  # of the products: small enough for the caches, large enough that their edges do not count
MAP = {"batch": 32, "steps": 64, "hidden": 128}  # of the layer that has next to nothing to multiply
SQUASHED = 5  # sigmoids and tanhs of an LSTM's unit and step
PASSES_BYTES = 64 * 2**20  # read at least this much, so that the call itself does not count


@dataclass(frozen=True)
class Ceiling:
    """Of a number of threads together. `flops` is operations a second by dtype, `bandwidth` bytes a second by level,
    `squashing` seconds for one sigmoid or tanh of a cell's map, with its share of all else that the map does, by pass.
    """

    threads: int
    flops: dict[str, float]
    bandwidth: dict[str, float]
    caches: dict[str, int]
    squashing: dict[str, float]

    def bytes_per_second(self, working_set: int) -> float:
        """Reading again and again what has this many bytes, shared out over the threads."""
        for level in ("L1", "L2"):
            if working_set / self.threads <= self.caches[level]:
                return self.bandwidth[level]
        return self.bandwidth["L3" if working_set <= self.caches["L3"] else "DRAM"]


def measure(machine: Machine, threads: int, dtypes: Collection[str], seconds: float) -> Ceiling:
    """The best of as many trials as fit: `seconds` for each product and each level."""
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
    """Of the machine's other work only the least is wanted here, so the best and not the median."""
    call()
    least, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end or least == float("inf"):
        start = time.perf_counter()
        call()
        least = min(least, time.perf_counter() - start)
    return least


def _flops(dtype: torch.dtype, size: int, seconds: float) -> float:
    """A product of two square matrices by torch.mm and by kernels.linear: whichever is faster."""
    a, b = torch.rand(2, size, size, dtype=dtype)
    out = torch.empty_like(a)
    calls: tuple[Callable[[], object], ...] = (lambda: torch.mm(a, b, out=out), lambda: linear(a, b))
    return 2 * size**3 / min(_best(call, seconds / 2) for call in calls)


def _bytes_within(machine: Machine, level: str, threads: int) -> int:
    """Bytes for each thread that the level holds with room to spare, and the level below it does not."""
    if level == "DRAM":
        return max(4 * machine.caches["L3"], 2**27) // threads
    return machine.caches[level] // (4 * threads if level == "L3" else 2)  # L3 is shared, also with strangers


def _bandwidth(size: int, threads: int, seconds: float) -> float:
    """torch.sum of a view that repeats each thread's own array: it is read again and again in one call."""
    elements = max(size // 4, 1)
    repeats = max(PASSES_BYTES // (size * threads), 1)
    view = torch.ones(threads * elements).as_strided((threads, repeats, elements), (elements, 0, 1))
    return view.numel() * 4 / _best(lambda: view.sum((1, 2)), seconds)


def _squashing(train: bool, seconds: float) -> float:
    """Of an LSTM with one input whose state is projected to one number, so that its products are next to nothing."""
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

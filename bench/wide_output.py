"""What the output layer of a word model costs: nn.Linear and cross_entropy, and linear_cross_entropy.

    OSTINATO_DATA=… python bench/wide_output.py

Targets are WikiText-2's first tenth, 32 rows of 35 words at a time, over 33,278 words; the vectors before them are
random. Memory is what the process's peak rises by above what it held before, forward and backward, each measured in a
process of its own; time is the median of pairs run in turn.
"""

import argparse
import json
import lzma
import multiprocessing
import os
import statistics
import sys
import time
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, linear

from ostinato.layers.outputs import linear_cross_entropy
from ostinato.text import Words

VOCABULARY, ROWS, STEPS, SEED = 33_278, 32, 35, 1


def two_functions(x: Tensor, weight: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
    return cross_entropy(linear(x, weight, bias), targets, reduction="sum")


KINDS = {"torch": two_functions, "ostinato": linear_cross_entropy}


def words() -> Tensor:
    """The ids of the first tenth."""
    path = Path(os.environ["OSTINATO_DATA"], "wikitext2", "wiki.train.tokens.xz")
    text = lzma.decompress(path.read_bytes()).decode()
    tokenizer = Words(VOCABULARY)
    tokenizer.train([text])
    return torch.from_numpy(tokenizer.encode(text[: len(text) // 10]).astype("int64"))


def given(ids: Tensor, hidden: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    torch.manual_seed(SEED)
    x = torch.randn(ROWS * STEPS, hidden).requires_grad_()
    weight = (torch.randn(VOCABULARY, hidden) * hidden**-0.5).requires_grad_()
    return x, weight, torch.zeros(VOCABULARY).requires_grad_(), ids[: ROWS * STEPS]


def peak_bytes() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if "VmHWM" in line)


def rise(kind: str, ids: Tensor, hidden: int, threads: int, found) -> None:
    torch.set_num_threads(threads)
    leaves = given(ids, hidden)
    # The gradients that any way must leave behind, and the libraries' own rooms, are there before.
    for leaf in leaves[:3]:
        leaf.grad = torch.zeros_like(leaf)
    KINDS[kind](leaves[0][:8], *leaves[1:3], leaves[3][:8]).backward()
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from what is held now
    before = peak_bytes()
    KINDS[kind](*leaves).backward()
    found.put(peak_bytes() - before)


def times(ids: Tensor, hidden: int, pairs: int) -> dict[str, float]:
    leaves = given(ids, hidden)
    found: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for turn in range(pairs + 1):
        for kind in KINDS:
            start = time.perf_counter()
            torch.autograd.grad(KINDS[kind](*leaves), leaves[:3])
            if turn:  # the first pair warms up
                found[kind].append(time.perf_counter() - start)
    return {kind: statistics.median(each) for kind, each in found.items()}


def main() -> None:
    """Print what was found as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--pairs", type=int, default=11)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    if "OSTINATO_DATA" not in os.environ:
        sys.exit("OSTINATO_DATA is not set; set it to the folder of data sets")
    torch.set_num_threads(options.threads)
    ids, context = words(), multiprocessing.get_context("spawn")
    memory = {}
    for kind in KINDS:
        queue = context.Queue()
        child = context.Process(target=rise, args=(kind, ids, options.hidden, options.threads, queue))
        child.start()
        memory[kind] = queue.get()
        child.join()
    seconds = times(ids, options.hidden, options.pairs)
    print(
        json.dumps(
            {
                "hidden": options.hidden,
                "threads": options.threads,
                "seed": SEED,
                "peak_megabytes": {kind: round(each / 1e6, 1) for kind, each in memory.items()},
                "memory_ratio": memory["ostinato"] / memory["torch"],
                "milliseconds": {kind: round(each * 1e3, 1) for kind, each in seconds.items()},
                "speed_ratio": seconds["torch"] / seconds["ostinato"],
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()

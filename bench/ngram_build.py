"""Text to a queryable n-gram file: seconds, processor seconds and the largest resident set, in a process of its own.

    OSTINATO_DATA=… python bench/ngram_build.py --order 5
    OSTINATO_DATA=… python bench/ngram_build.py --order 5 --sampled 100000000 --memory 2G

The text is WikiText-2's (blank lines dropped, lines stripped, `<unk>` renamed `<oov>`, one line a sentence), or so many
tokens drawn with a seed from a 3-gram of it. Prints JSON; exit status 1 where the resident set is above --memory.
"""

import argparse
import json
import lzma
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ostinato.lm.ngram import build, freeze
from ostinato.lm.ngram.build import memory_bytes

STREAMS, STEPS = 10_000, 1_000
BITS = np.uint64(20)


def prepared(data: Path, folder: Path) -> Path:
    """The training text as it is counted."""
    with lzma.open(data / "wikitext2" / "wiki.train.tokens.xz", "rt", encoding="utf-8") as file:
        lines = (line.strip().replace("<unk>", "<oov>") for line in file)
        path = folder / "train.txt"
        path.write_text("".join(f"{line}\n" for line in lines if line), encoding="utf-8")
    return path


class Order:
    """One order of an interpolated model, to draw from: of each context, the words that were seen after it and what of
    their probability is not the shorter context's."""

    def __init__(self, words: npt.NDArray[np.uint32], shares: npt.NDArray[np.float64]):
        contexts = packed(words[:, :-1])
        order = np.argsort(contexts, kind="stable")
        self.contexts, self.first = np.unique(contexts[order], return_index=True)
        self.words = words[order, -1]
        self.before = np.concatenate([[0.0], np.cumsum(shares[order])])
        self.ends = np.append(self.first[1:], len(order))

    def draw(self, context: npt.NDArray[np.uint64], dice: np.random.Generator) -> npt.NDArray[np.int64]:
        """A word, or −1 for what the shorter context shall say."""
        at = np.minimum(np.searchsorted(self.contexts, context), len(self.contexts) - 1)
        wanted = self.before[self.first[at]] + dice.random(len(context))
        place = np.searchsorted(self.before, wanted, side="right") - 1
        good = (self.contexts[at] == context) & (place < self.ends[at])
        return np.where(good, self.words[np.minimum(place, len(self.words) - 1)].astype(np.int64), -1)


def packed(words: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint64]:
    key = np.zeros(len(words), np.uint64)
    for column in words.T:
        key = (key << BITS) | column.astype(np.uint64)
    return key


def drawers(train: Path) -> tuple[list[str], list[Order]]:
    """The 3-gram's orders, from the highest to the lowest."""
    grams = build(train, 3).grams
    lower, found = None, []
    for n in (1, 2, 3):
        words, log_probs, backoffs = grams.read(n)
        shares = probabilities = 10.0 ** log_probs.astype(float)
        if lower is None:
            shares = np.where(words[:, 0] < 2, 0, shares)  # <unk> and <s> are no words of a text
            shares /= shares.sum()
        else:
            keys, order, before, weights = lower
            suffix = order[np.searchsorted(keys, packed(words[:, 1:]), sorter=order)]
            prefix = order[np.searchsorted(keys, packed(words[:, :-1]), sorter=order)]
            shares = np.maximum(probabilities - weights[prefix] * before[suffix], 0)
        keys = packed(words)
        lower = keys, np.argsort(keys), probabilities, 10.0 ** backoffs.astype(float)
        found.append(Order(words, shares))
    return grams.vocabulary, found[::-1]


def write_sampled(train: Path, tokens: int, path: Path, seed: int = 1) -> None:
    """So many tokens, </s> counted, a line a sentence."""
    names, orders = drawers(train)
    ends = np.array([" " + name for name in names], object)
    ends[2] = "\n"
    dice = np.random.default_rng(seed)
    with path.open("w", encoding="utf-8") as file:
        while tokens > 0:
            streams = min(STREAMS, -(-tokens // STEPS))
            drawn = np.ones((STEPS + 2, streams), np.int64)
            for step in range(2, STEPS + 2):
                drawn[step - 1][drawn[step - 1] == 2] = 1
                drawn[step] = next_words(orders, drawn[step - 2], drawn[step - 1], dice)
                drawn[step - 1][(drawn[step - 1] == 1) & (step > 2)] = 2
            for row in ends[drawn[2:].T]:
                file.write("".join(row).rstrip("\n") + "\n")
            tokens -= streams * STEPS


def next_words(
    orders: list[Order], before: npt.NDArray[np.int64], last: npt.NDArray[np.int64], dice: np.random.Generator
) -> npt.NDArray[np.int64]:
    two = packed(np.stack([before, last], -1).astype(np.uint32))
    found = np.full(len(last), -1)
    for order, context in zip(orders, (two, last.astype(np.uint64), np.zeros(len(last), np.uint64))):
        left = np.flatnonzero(found < 0)
        if order is orders[0]:
            left = left[last[left] != 1]
        found[left] = order.draw(context[left], dice)
    found[found < 0] = 2  # rounding
    return found


def measured(text: Path, order: int, memory: str | None, folder: Path) -> dict[str, object]:
    """One build in a child process."""
    command = [
        sys.executable,
        __file__,
        "--one",
        str(text),
        "--order",
        str(order),
        "--out",
        str(folder / "model.ngram"),
    ]
    started = time.perf_counter()
    command += ["--memory", memory] if memory else []
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        **json.loads(done.stdout),
        "seconds_with_start": round(time.perf_counter() - started, 2),
        "largest_resident_mb": round(used.ru_maxrss / 1024),
        "file_mb": round((folder / "model.ngram").stat().st_size / 1e6, 1),
        "load_average": round(os.getloadavg()[0], 1),
    }


def one(text: Path, order: int, memory: str | None, out: Path) -> None:
    """In the child: build, freeze, and what it took."""
    wall, processor = time.perf_counter(), time.process_time()
    found = build(text, order, memory=memory)
    built, built_processor = time.perf_counter() - wall, time.process_time() - processor
    freeze(found.grams, out, **({"memory": memory_bytes(memory) // 4} if memory else {}))
    print(
        json.dumps({
            "tokens": found.tokens,
            "ngrams": [found.grams.count(n) for n in range(1, found.grams.order + 1)],
            "build_seconds": round(built, 2),
            "build_processor_seconds": round(built_processor, 2),
            "seconds": round(time.perf_counter() - wall, 2),
            "processor_seconds": round(time.process_time() - processor, 2),
        })
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--order", type=int, default=5)
    parser.add_argument("--memory", help='such as "2G"; half of the machine\'s otherwise')
    parser.add_argument("--sampled", type=int, metavar="TOKENS", help="draw so many tokens and build of them")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        one(options.one, options.order, options.memory, options.out)
        return
    data = os.environ.get("OSTINATO_DATA")
    if not data:
        sys.exit("ngram_build: OSTINATO_DATA is not set; set it to the folder of data sets")
    with tempfile.TemporaryDirectory(prefix="ostinato-ngram-") as name:
        folder = Path(name)
        text = prepared(Path(data), folder)
        if options.sampled:
            started, train, text = time.perf_counter(), text, folder / "sampled.txt"
            write_sampled(train, options.sampled, text)
            print(f"drew {options.sampled} tokens in {time.perf_counter() - started:.0f} s", file=sys.stderr)
        found = measured(text, options.order, options.memory, folder)
        print(json.dumps({"order": options.order, "memory": options.memory, **found}, indent=2))
    if options.memory and found["largest_resident_mb"] > memory_bytes(options.memory) / 2**20:  # type: ignore[operator]
        sys.exit(1)


if __name__ == "__main__":
    main()

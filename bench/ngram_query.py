"""Size, loading and scoring of a frozen n-gram model, beside KenLM's Python package where that is installed.

    OSTINATO_DATA=… python bench/ngram_query.py --order 5

WikiText-2: blank lines dropped, lines stripped, `<unk>` renamed `<oov>`, one line a sentence. The two take turns at
scoring the test split from Python, `--rounds` times, and the best round of each counts; KenLM reads the ARPA file that
we write.
"""

import argparse
import importlib
import importlib.util
import lzma
import math
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ostinato.lm.ngram import NGram, build, freeze, write_arpa


def prepared(data: Path, split: str, folder: Path) -> Path:
    """A split as it is counted and scored."""
    with lzma.open(data / "wikitext2" / f"wiki.{split}.tokens.xz", "rt") as file:
        lines = [line.strip().replace("<unk>", "<oov>") for line in file]
    path = folder / f"{split}.txt"
    path.write_text("".join(f"{line}\n" for line in lines if line))
    return path


def timed(call: Callable[[], object]) -> tuple[float, float]:
    """Wall and processor seconds."""
    wall, processor = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - wall, time.process_time() - processor


def told(what: str, value: str) -> None:
    print(f"{what:>44}  {value}")


def perplexity(lm: NGram, path: Path) -> float:
    found = lm.score_file(path)
    return math.exp(found.nats / len(found.log10))


def measure(data: Path, order: int, rounds: int, folder: Path) -> None:
    """Print the table."""
    train, test = prepared(data, "train", folder), prepared(data, "test", folder)
    kept: list[object] = []
    wall, processor = timed(lambda: kept.append(build(train, order).grams))
    told("estimate, seconds (processor)", f"{wall:.2f} ({processor:.2f})")
    whole, small = folder / "whole.ngram", folder / "small.ngram"
    for path, quantize in ((whole, None), (small, 8)):
        wall, processor = timed(lambda: freeze(kept[0], path, quantize=quantize))  # noqa: B023
        told(f"freeze {path.stem}, seconds (processor)", f"{wall:.2f} ({processor:.2f})")
        told(f"{path.stem}, MB", f"{path.stat().st_size / 1e6:.2f}")
        wall = min(timed(lambda: NGram.load(path))[0] for _ in range(rounds))  # noqa: B023
        told("loaded in milliseconds", f"{wall * 1e3:.2f}")
    one, other = perplexity(NGram.load(whole), test), perplexity(NGram.load(small), test)
    told("perplexity, quantized, change", f"{one:.3f}, {other:.3f}, {other / one - 1:+.4%}")
    lm, quantized = NGram.load(whole), NGram.load(small)
    tokens = len(lm.score_file(test).log10)
    texts = test.read_text().splitlines()
    calls: dict[str, Callable[[], object]] = {
        "score_file": lambda: lm.score_file(test),
        "score_file, one thread": lambda: lm.score_file(test, threads=1),
        "score_file, quantized": lambda: quantized.score_file(test),
        "scores of a list of texts": lambda: lm.score_texts(texts),
    }
    if importlib.util.find_spec("kenlm"):
        kenlm = importlib.import_module("kenlm")
        write_arpa(kept[0], folder / "model.arpa")
        theirs = kenlm.Model(str(folder / "model.arpa"))
        calls["kenlm (hashed), score of each line"] = lambda: sum(theirs.score(text) for text in texts)
    best: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            best[name].append(timed(call))
    for name, seconds in best.items():
        wall, processor = (tokens / min(of) / 1e6 for of in zip(*seconds))
        told(f"{name}, M tokens/s", f"{wall:.2f} (one processor's: {processor:.2f})")


def main() -> int:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--order", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    data = os.environ.get("OSTINATO_DATA")
    if not data:
        print("OSTINATO_DATA is not set; set it to the folder of data sets", file=sys.stderr)
        return 3
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(data), options.order, options.rounds, Path(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())

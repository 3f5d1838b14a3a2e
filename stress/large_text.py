"""Train on a text far larger than the memory it may use, and print the largest resident set.

    python stress/large_text.py [--gigabytes 1] [--keep]

The text is words drawn from a fixed vocabulary with a seed. The figure is `ru_maxrss` of the training process, the
"Maximum resident set size" that /usr/bin/time -v prints (which is used where it is installed).
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

RECIPE = "char-rnn"


def write_text(path: Path, size: int, seed: int = 1) -> None:
    """About `size` bytes of words and lines, a few megabytes at a time."""
    rng = np.random.default_rng(seed)
    letters = list("etaoinshrdlucmfwypvbgkqjxz")
    words = np.array(["".join(rng.choice(letters, rng.integers(2, 11))) for _ in range(20_000)])
    with path.open("w", encoding="utf-8") as file:
        while file.tell() < size:
            drawn = words[rng.zipf(1.3, 500_000) % len(words)]
            file.write("\n".join(" ".join(drawn[i : i + 12]) for i in range(0, len(drawn), 12)) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--keep", action="store_true", help="keep the folder and print its name")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="ostinato-large-"))
    text = folder / "large.txt"
    write_text(text, int(options.gigabytes * 1e9))
    command = [sys.executable, "-m", "ostinato", "train", RECIPE, "--out", str(folder / "run"), "--json"]
    command += ["--set", f"data.text={text}", "--set", "data.valid=0.001", "--set", f"train.steps={options.steps}"]
    command += ["--set", "train.seconds=100000", "--set", "train.evaluate_every=100"]
    started = time.monotonic()
    with (folder / "log").open("w") as log:
        code = subprocess.run(command, stdout=log, stderr=log, check=False).returncode
    resident = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    took, gigabytes = time.monotonic() - started, text.stat().st_size / 1e9
    print(f"text {gigabytes:.2f} GB · exit {code} · {took:.0f} s · {os.cpu_count()} cores")
    print(f"largest resident set {resident:.2f} GiB (limit 1.5)")
    if code:
        print((folder / "log").read_text()[-2000:], file=sys.stderr)
    if options.keep:
        print(folder)
    else:
        subprocess.run(["rm", "-r", str(folder)], check=True)
    sys.exit(code or resident > 1.5)


if __name__ == "__main__":
    main()

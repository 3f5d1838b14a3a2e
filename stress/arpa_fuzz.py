"""Damage ARPA files, and count how many were refused in words and how many are models; nothing else may happen.

    python stress/arpa_fuzz.py --mutations 100000

Each mutation changes a small ARPA file in one to three places (bytes, lines, numbers, words, cuts), mostly puts
the counts right again so that more is read, and asks the model that comes of it. Exit status 1 if anything but a
DataError came out, a model answered with what is no number, or one took longer than a second. Each file is written to
`--folder` first, so that one that kills the process is still there.
"""

import argparse
import math
import random
import re
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from ostinato.errors import DataError
from ostinato.lm.ngram import NGram, build, write_arpa

NUMBERS = ["nan", "inf", "-inf", "1e999", "-1e999", "1e-999", "-0", "+1", "0x1p3", "9" * 20, "-99", "-1e38", "", "1,5"]
WORDS = ["a", "b", "c", "e", "<s>", "</s>", "<unk>", "<UNK>"]
PIECES = [*WORDS, "\\data\\", "\\end\\", "\\2-grams:", "ngram 9=9", "\t\t", "\0", "\r", "\ufeff", " "]


def seeds() -> list[bytes]:
    """Small models of several orders and smoothings, as ARPA files."""
    sentences = [line.split() for line in ("a b c a b", "a c b", "b c a a b c", "c", "d e a")]
    found = []
    for order, smoothing in ((1, "additive"), (2, "witten_bell"), (4, "modified_kneser_ney"), (3, "stupid_backoff")):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "seed.arpa"
            write_arpa(build(sentences, order, smoothing=smoothing).grams, path)
            found.append(path.read_bytes())
    return found


def mutated(data: bytes, dice: random.Random) -> bytes:
    """`data`, changed in a few places."""
    for _ in range(dice.choice([1, 1, 1, 2, 3])):
        lines = data.split(b"\n")
        place, line = dice.randrange(len(lines)), dice.randrange(len(lines))
        kind = dice.randrange(10)
        if kind == 0 and data:
            at = dice.randrange(len(data))
            data = data[:at] + bytes([dice.randrange(256)]) + data[at + 1 :]
            continue
        if kind == 1:
            at = dice.randrange(len(data) + 1)
            data = data[:at] + dice.choice(PIECES).encode() + data[at:]
            continue
        if kind == 2:
            data = data[: dice.randrange(len(data) + 1)]
            continue
        if kind == 3:
            lines[place] = lines[line]
        elif kind == 4:
            del lines[place]
        elif kind == 5:
            lines[place], lines[line] = lines[line], lines[place]
        elif kind == 6:
            lines.insert(place, lines[line])
        else:
            fields = lines[place].replace(b"=", b"\t=\t").replace(b" ", b"\t").split(b"\t")
            at = dice.randrange(len(fields))
            other = [*NUMBERS, str(dice.randint(-3, 9))] if kind == 7 else WORDS
            fields[at] = fields[at] * 300 if dice.random() < 0.05 else dice.choice(other).encode()
            lines[place] = b"\t".join(fields).replace(b"\t=\t", b"=")
        data = b"\n".join(lines)
    # Mostly, or only the counts would ever be wrong.
    return recounted(data) if dice.random() < 0.8 else data


def recounted(data: bytes) -> bytes:
    """`data` with the counts that its sections have."""
    lines, order = data.split(b"\n"), 0
    counts: Counter[int] = Counter()
    for line in lines:
        title = re.fullmatch(rb"\\(\d+)-grams:", line.strip())
        order = int(title[1]) if title else 0 if line.startswith(b"\\") else order
        counts[order] += bool(line.strip()) and not title
    for place, line in enumerate(lines):
        count = re.fullmatch(rb"ngram (\d+)=.*", line)
        if count:
            lines[place] = b"ngram %d=%d" % (int(count[1]), counts[int(count[1])])
    return b"\n".join(lines)


def asked(lm: NGram) -> bool:
    """Whether every answer is a log-probability."""
    found = lm.score_texts(["a b c a b", "d e x a a a", ""])
    single = [score.log10 for score in lm.full_scores("a b x")]
    return all(not math.isnan(value) for value in [*found.log10.tolist(), *single]) and len(found.ends) == 3


def campaign(mutations: int, seed: int, folder: Path) -> tuple[Counter[str], float]:
    """What came of each, and the seconds of the slowest."""
    dice, found, slowest = random.Random(seed), Counter[str](), 0.0
    sources, path = seeds(), folder / "mutated.arpa"
    for data in sources:
        path.write_bytes(data)
        assert asked(NGram.load(path)), "the files themselves must be right, or refusing them proves nothing"
    for number in range(mutations):
        data = mutated(dice.choice(sources), dice)
        path.write_bytes(data)
        started = time.perf_counter()
        try:
            found["models" if asked(NGram.load(path)) else "not numbers"] += 1
        except DataError:
            found["refused"] += 1
        except Exception as error:  # whatever else it is, it is what this looks for
            found[f"unexpected {type(error).__name__}"] += 1
            (folder / f"unexpected-{number}.arpa").write_bytes(data)
        slowest = max(slowest, time.perf_counter() - started)
        if number % 1000 == 0 and sys.stderr.isatty():
            print(f"\r{number} of {mutations}", end="", file=sys.stderr)
    return found, slowest


def main() -> int:
    """Print what was found; 0 if all was as it should be."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--mutations", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where the files are kept (default: a temporary folder)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found, slowest = campaign(options.mutations, options.seed, options.folder or Path(folder))
    for what, count in sorted(found.items()):
        print(f"{what:>30}  {count}")
    print(f"{'seconds of the slowest':>30}  {slowest:.3f}")
    return int(bool(set(found) - {"models", "refused"}) or slowest > 1)


if __name__ == "__main__":
    sys.exit(main())

"""Flip single bits in the files of a checkpoint, and cut its files short; count how often that is not noticed.

    python stress/bit_flips.py --flips 10000

Each flip takes one bit of one file, both drawn at random, reads the checkpoint, and puts the bit back. Each truncation
does the same with a file's end. Exit status 1 if any damaged checkpoint was accepted.
"""

import argparse
import random
import sys
import tempfile
from pathlib import Path

from kill_resume import recipe_for

from ostinato.errors import BundleError
from ostinato.training import Silent, checkpoint, fit


def accepted(folder: Path, path: Path, damaged: bytes) -> bool:
    """Whether the checkpoint is taken for whole with `damaged` in the place of one of its files."""
    whole = path.read_bytes()
    path.write_bytes(damaged)
    try:
        checkpoint.read(folder)
    except BundleError:
        return False
    finally:
        path.write_bytes(whole)
    return True


def flipped(data: bytes, bit: int) -> bytes:
    """`data` with one bit changed."""
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def campaign(folder: Path, flips: int, truncations: int, seed: int) -> dict[str, int]:
    """Damage the newest checkpoint of a short run in `folder` that often, one place at a time."""
    chance = random.Random(seed)
    text = folder / "text.txt"
    text.write_text(" ".join(chance.choice(["one", "two", "three", "ho", "hum"]) for _ in range(2000)))
    fit(recipe_for(text), folder / "run", Silent())
    target = checkpoint.folders(folder / "run")[0]
    files = {path: path.read_bytes() for path in sorted(target.iterdir())}
    found = {"files": len(files), "flips": flips, "flips_accepted": 0}
    found |= {"truncations": truncations, "truncations_accepted": 0}
    for _ in range(flips):
        path, data = chance.choice(list(files.items()))
        found["flips_accepted"] += accepted(target, path, flipped(data, chance.randrange(8 * len(data))))
    for _ in range(truncations):
        path, data = chance.choice(list(files.items()))
        found["truncations_accepted"] += accepted(target, path, data[: chance.randrange(len(data))])
    checkpoint.read(target)  # or refusing would have proved nothing
    return found


def main() -> int:
    """Print what was found; 0 if every damage was noticed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--flips", type=int, default=10_000)
    parser.add_argument("--truncations", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = campaign(Path(folder), options.flips, options.truncations, options.seed)
    for label, count in found.items():
        print(f"{label.replace('_', ' '):>20}  {count}")
    return int(bool(found["flips_accepted"] or found["truncations_accepted"]))


if __name__ == "__main__":
    sys.exit(main())

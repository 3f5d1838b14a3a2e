"""How much of a batch is padding, by how it was put together, on data sets whose examples have unlike lengths.

    OSTINATO_DATA=… python bench/padding.py

Prints JSON: for each set the number of training examples, their mean and longest length in words, and the share of all
padded steps of an epoch that are no example's own: rows shuffled 32 at a time, and length buckets of the same rows, and
of any rows under a budget of 4,096 steps, without noise and with that of 0.1 which they have by default. Seed 1.
"""

import json
import os
import sys
from typing import NamedTuple

import numpy as np

from ostinato.data import Bucketed, Shuffled
from ostinato.data.catalog import catalog
from ostinato.data.catalog.get import use

SETS = {"snips": "words", "ud_english_ewt": "words", "tatoeba_eng_fra": "french"}
ROWS, TOKENS, SEED = 32, 4096, 1


class Sized(NamedTuple):
    key: str
    length: int


def shares(lengths: list[int]) -> dict[str, float]:
    examples = [Sized(str(number), length) for number, length in enumerate(lengths)]
    shuffled = Shuffled(examples, ROWS, SEED)
    batches = [shuffled.batch(0, index) for index in range(len(shuffled))]
    padded = sum(len(batch) * max(each.length for each in batch) for batch in batches)
    found = {"shuffled": 1 - sum(lengths) / padded}
    for noise in (0.0, 0.1):
        found[f"rows, noise {noise}"] = Bucketed(examples, lengths, ROWS, seed=SEED, noise=noise).padding()
        found[f"tokens, noise {noise}"] = Bucketed(examples, lengths, None, TOKENS, SEED, noise).padding()
    return {name: round(share, 4) for name, share in found.items()}


def main() -> None:
    found = {}
    for name, column in SETS.items():
        rows = catalog[name].rows(use(catalog[name]), "train")
        values = [row[column] for row in rows]
        lengths = [len(value.split() if isinstance(value, str) else value) for value in values]
        sizes = {"examples": len(lengths), "mean": round(float(np.mean(lengths)), 1), "longest": max(lengths)}
        found[name] = {**sizes, "padding": shares(lengths)}
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    if not os.environ.get("OSTINATO_DATA"):
        sys.exit("padding: OSTINATO_DATA is not set; set it to the folder of data sets")
    main()

"""How fast tokenizers learn and encode WikiText-2's training text, and whether their ids are the library's own.

    OSTINATO_DATA=… python bench/tokenize_text.py

Prints JSON: seconds to train; million tokens a second to encode the whole text, the first time (every word is new) and
the best of five; and the same by the `tokenizers` library, given the text line by line in one call.
"""

import json
import lzma
import os
import sys
import time
from pathlib import Path

import numpy as np
import tokenizers as library

from ostinato.text import Tokenizer, tokenizers

SIZE = 8000


def measured(name: str, text: str) -> dict[str, object]:
    options = {"size": SIZE} if "size" in tokenizers.example(name) else {}
    tokenizer = tokenizers.build({"name": name, **options})
    start = time.perf_counter()
    tokenizer.train([text])
    trained = time.perf_counter() - start
    start = time.perf_counter()
    ids = tokenizer.encode(text)
    rates = [len(ids) / (time.perf_counter() - start) / 1e6]
    for _ in range(5):
        start = time.perf_counter()
        tokenizer.encode(text)
        rates.append(len(ids) / (time.perf_counter() - start) / 1e6)
    return {
        "ids": tokenizer.size,
        "tokens": len(ids),
        "train_seconds": round(trained, 2),
        "first_million_a_second": round(rates[0], 2),
        "million_a_second": round(max(rates), 2),
        **by_library(tokenizer, ids, text),
    }


def by_library(tokenizer: Tokenizer, ids: np.ndarray, text: str) -> dict[str, object]:
    theirs = library.Tokenizer.from_str(tokenizer.to_json())
    theirs.encode_special_tokens = True
    start = time.perf_counter()
    lines = theirs.encode_batch_fast(text.splitlines(keepends=True), add_special_tokens=False)
    found = [np.array(line.ids, ids.dtype) for line in lines]
    rate = sum(map(len, found)) / (time.perf_counter() - start) / 1e6
    whole = theirs.encode(text, add_special_tokens=False).ids
    return {"library_million_a_second": round(rate, 2), "same_ids": ids.tolist() == whole}


def main() -> None:
    """Print what was measured."""
    if "OSTINATO_DATA" not in os.environ:
        sys.exit("OSTINATO_DATA is not set; set it to the folder of data sets")
    path = Path(os.environ["OSTINATO_DATA"], "wikitext2", "wiki.train.tokens.xz")
    text = lzma.decompress(path.read_bytes()).decode()
    print(json.dumps({name: measured(name, text) for name in tokenizers.names()}, indent=2))


if __name__ == "__main__":
    main()

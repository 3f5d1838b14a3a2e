"""stream: a trained model answers standard input element by element."""

import json
import os
import sys
from typing import Any

from ostinato.cli.generate import Run

CHUNK_BYTES = 1 << 12  # bounds the memory of one step's outputs


def stream(run: Run) -> None:
    """Answer standard input element by element, as it comes.

    Each answer is one line of JSON: the element, its cost in nats, and the most probable next elements.
    """
    from ostinato.bundle import Bundle

    bundle = Bundle.load(run)
    live = bundle.stream()
    while chunk := os.read(0, CHUNK_BYTES):  # what is there, without waiting for more
        _print(live.push(chunk).stable)
    last, whole = live.close()
    _print(last.stable)
    print(_summary(bundle.task.to_record(whole)), file=sys.stderr)


def _print(elements: list[Any]) -> None:
    for element in elements:
        sys.stdout.write(json.dumps(element, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _summary(record: dict[str, Any]) -> str:
    words = {key: f"{value:.3f}" if isinstance(value, float) else value for key, value in record.items()}
    return " · ".join(f"{key.replace('_', ' ')} {value}" for key, value in words.items() if value is not None)

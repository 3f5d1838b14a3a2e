"""What a model must be able to learn: texts whose best possible score is known by counting."""

import math
import random
from pathlib import Path

import pytest

from ostinato.recipe import check
from ostinato.training import Settings, Silent, fit

pytestmark = pytest.mark.slow

LONGEST = 8
BETWEEN = "abcde"


def nats_per_character(text: str, folder: Path, steps: int, hidden: int = 32, cut: int = 48) -> float:
    """The held-out score of a small LSTM after `steps` steps."""
    (folder / "text.txt").write_text(text)
    table = {
        "task": {"name": "language", "bptt_steps": cut},
        "data": {"name": "text", "text": str(folder / "text.txt")},
        "model": {"name": "language", "embedding": 8, "cell": {"name": "lstm", "hidden": hidden}},
        "train": {
            "batch_size": 16, "steps": steps, "evaluate_every": steps,
            "optimizer": {"name": "adamw", "learning_rate": 1e-2}, "schedule": {"name": "constant", "warmup": 20},
        },
    }  # fmt: skip
    fitted = fit(check(table, Settings, "learning"), folder / "run", Silent())
    return next(score.value for score in fitted.scores if score.name == "nats_per_character")


def test_counting(tmp_path):
    """aⁿbⁿ (Gers and Schmidhuber, 2001): n is drawn once, and after the first b all is decided."""
    chance = random.Random(1)
    text = "".join("a" * n + "b" * n + "\n" for n in (chance.randint(1, LONGEST) for _ in range(12000)))
    best = math.log(LONGEST) / (LONGEST + 2)  # ln 8 for a word of 2 n + 1 = 10 characters on average
    found = nats_per_character(text, tmp_path, steps=1000)
    assert best * 0.95 < found < best * 1.15


def test_remembering(tmp_path):
    """The last character of a line is its first; what is between says nothing (Hochreiter and Schmidhuber, 1997)."""
    chance = random.Random(1)
    text = "".join(f"{key}{BETWEEN}{key}\n" for key in (chance.choice("pq") for _ in range(12000)))
    best = math.log(2) / (len(BETWEEN) + 3)  # one choice of two a line; without memory it would be made twice
    found = nats_per_character(text, tmp_path, steps=1500)
    assert best * 0.95 < found < best * 1.1

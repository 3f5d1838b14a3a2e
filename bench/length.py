"""The second demand, measured: parameters do not grow with the length of the sequence.

    python bench/length.py

Reads 8 and then 65,536 tokens with the same recipe's model and prints its parameter count and its state's size.
"""

import torch

from ostinato.models import models
from ostinato.padded import Padded
from ostinato.state import flatten


def main() -> None:
    table = {"name": "language", "cell": {"name": "lstm", "hidden": 64}}
    for steps in (8, 65_536):
        torch.manual_seed(1)
        model = models.build(table, size=100, eos=0)
        tokens = Padded.full(torch.randint(0, 100, (1, steps)))
        with torch.inference_mode():
            _, state = model(tokens)
        parameters = sum(parameter.numel() for parameter in model.parameters())
        numbers = sum(leaf.numel() for leaf in flatten(state).values())
        print(f"T = {steps:6,}: {parameters:,} parameters, a state of {numbers:,} numbers")


if __name__ == "__main__":
    main()

"""Five hundred layers drawn at random, each against torch's own in fp64: outputs, states and every gradient."""

import random
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence, pack_sequence
from twins import LAYERS, assert_alike, twins

CONFIGURATIONS, LONG = 500, 1000


class Drawn:
    """One configuration, the same for the same number: a layer's options, its inputs and its first state."""

    def __init__(self, number: int) -> None:
        chance = random.Random(number)
        self.name = LAYERS[number % len(LAYERS)]
        long = number % 100 == 7
        self.layers = 1 if long else chance.choice((1, 1, 2, 3))
        self.inputs = chance.choice((1, 2, 3, 8, 17, 40))
        self.hidden = chance.choice((3, 8) if long else (1, 2, 3, 5, 8, 16, 23, 37, 64))
        self.steps = LONG if long else chance.choice((1, 1, 2, 3, 5, 7, 13, 29))
        self.shape = chance.choice(("batch", "batch", "batch", "one", "packed", "packed unsorted"))
        self.rows = chance.choice((0, 1, 1, 2, 3, 7, 13)) if self.shape == "batch" else chance.choice((1, 2, 5, 11))
        self.dtype = chance.choice((torch.float32,) * 4 + (torch.float64,))
        self.strided, self.given_state = chance.random() < 0.3, chance.random() < 0.6
        self.options: dict[str, Any] = {
            "num_layers": self.layers,
            "bias": chance.random() < 0.7,
            "batch_first": chance.random() < 0.5,
            "dropout": chance.choice((0.0, 0.3, 1.0)) if self.layers > 1 else 0.0,
            "bidirectional": chance.random() < 0.5,
            "dtype": self.dtype,
        }
        if self.name == "LSTM" and self.hidden > 1 and chance.random() < 0.4:
            self.options["proj_size"] = chance.randrange(1, self.hidden)
        if self.name == "RNN":
            self.options["nonlinearity"] = chance.choice(("tanh", "relu"))
        self.training = chance.random() < 0.7
        self.lengths = [self.steps, *(chance.randint(1, self.steps) for _ in range(self.rows - 1))]
        chance.shuffle(self.lengths)

    def x(self) -> Any:
        if self.shape == "one":
            return self._laid(self.steps, self.inputs)
        if self.shape == "batch":
            first, second = (self.rows, self.steps) if self.options["batch_first"] else (self.steps, self.rows)
            return self._laid(first, second, self.inputs)
        if self.shape == "packed":
            lengths = sorted(self.lengths, reverse=True)
            return pack_sequence([self._laid(length, self.inputs) for length in lengths])
        return pack_padded_sequence(self._laid(self.steps, self.rows, self.inputs), self.lengths, enforce_sorted=False)

    def hx(self) -> Any:
        if not self.given_state:
            return None
        runs = self.layers * (1 + self.options["bidirectional"])
        rows = () if self.shape == "one" else (self.rows,)
        h = self._laid(runs, *rows, self.options.get("proj_size", self.hidden))
        return (h, self._laid(runs, *rows, self.hidden)) if self.name == "LSTM" else h

    def _laid(self, *sizes: int) -> Tensor:
        if not self.strided:
            return torch.randn(sizes, dtype=self.dtype)
        return (
            torch.randn(*sizes[:-1], 2 * sizes[-1] + 1, dtype=self.dtype)
            .transpose(0, 1)
            .contiguous()
            .transpose(0, 1)[..., 1 : 1 + sizes[-1]]
        )


@pytest.mark.parametrize("number", range(CONFIGURATIONS))
def test_a_layer_drawn_at_random(number):
    drawn = Drawn(number)
    torch.manual_seed(number)
    ours, theirs = twins(drawn.name, drawn.inputs, drawn.hidden, **drawn.options)
    assert_alike(ours.train(drawn.training), theirs.train(drawn.training), drawn.x(), drawn.hx(), seed=number)

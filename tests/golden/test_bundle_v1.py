"""The bundle in bundle-v1/ was written in the released format, schema 1, and must load for ever.

What it says of a text is worked out here by numpy alone, in float64, from the equations of Hochreiter and Schmidhuber
(1997) with Gers' forget gate, and from nothing but the files: the weights, and the vocabulary in tokenizer.json.
"""

import json
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

import ostinato
from ostinato.bundle_folder import SCHEMA, read_folder

FOLDER = Path(__file__).with_name("bundle-v1")
TEXT = "wieder das kleine lied?"


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def oracle(text: str) -> list[float]:
    """ln p of each character, given those before it and the boundary."""
    weights = {name: array.astype(np.float64) for name, array in load_file(FOLDER / "model.safetensors").items()}
    vocabulary = json.loads((FOLDER / "tokenizer.json").read_text())["model"]["vocab"]
    ids = [vocabulary["</s>"], *[vocabulary.get(letter, vocabulary["<unk>"]) for letter in text]]
    states = [(np.zeros(4), np.zeros(4)), (np.zeros(4), np.zeros(4))]
    found = []
    for token, after in pairwise(ids):
        x = weights["embedding.weight"][token]
        for layer, (h, c) in enumerate(states):
            at = f"body.layers.{layer}.cell."
            gates = weights[at + "input.weight"] @ x + weights[at + "input.bias"] + weights[at + "recurrent.weight"] @ h
            i, f, g, o = np.split(gates, 4)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
            states[layer], x = (h, c), h
        logits = weights["head.weight"] @ x + weights["head.bias"]
        found.append(logits[after] - np.log(np.exp(logits).sum()))
    return found


def test_it_loads_and_says_what_its_numbers_say():
    bundle = ostinato.load(str(FOLDER))
    prediction = bundle.predict([TEXT])[0]
    np.testing.assert_allclose(prediction.log_probs, oracle(TEXT), rtol=1e-5)
    assert bundle.task.tokenizer.decode(prediction.tokens) == TEXT.replace("?", bundle.task.tokenizer.decode([1]))


def test_its_stream_says_the_same():
    live = ostinato.load(str(FOLDER)).stream()
    live.push(TEXT)
    assert live.close()[1].nats == pytest.approx(-sum(oracle(TEXT)), rel=1e-5)


def test_it_can_be_saved_and_loaded_again(tmp_path):
    shutil.copytree(FOLDER, tmp_path / "copy")
    bundle = ostinato.load(str(tmp_path / "copy"))
    bundle.save(tmp_path / "again")
    assert set(read_folder(tmp_path / "again")) >= set(read_folder(FOLDER))
    assert json.loads((FOLDER / "ostinato.json").read_text())["schema"] == 1
    assert SCHEMA >= 1

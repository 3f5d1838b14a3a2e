"""Every registered language model obeys every law of theirs; a new registration is tested with no new test."""

import numpy as np
import pytest

from ostinato.lm import language_models
from ostinato.testing.language_models import LAWS

SIZE, EOS = 7, 0
TEXT = np.random.default_rng(0).choice(SIZE - 1, size=200, p=[0.1, 0.3, 0.25, 0.2, 0.1, 0.05])
"""Ids to learn from; one of the vocabulary (the last) never occurs."""


def build(name: str):
    return language_models.build(language_models.example(name), size=SIZE, eos=EOS, chunks=[TEXT[:50], TEXT[50:]])


@pytest.mark.parametrize("name", language_models.names())
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law(name, law):
    law(build(name))

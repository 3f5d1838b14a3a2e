"""Every registered model obeys every law of layers that fits it; a new registration is tested with no new test."""

import pytest

from ostinato.layers import SequenceLayer
from ostinato.models import models
from ostinato.testing import language_models
from ostinato.testing.layers import LAWS

WIRING = {"inputs": 3, "outputs": 4, "size": 7, "eos": 0}


def build(name: str):
    return models.build(models.example(name), **WIRING)


@pytest.mark.parametrize("name", models.names())
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law(name, law):
    model = build(name)
    if not isinstance(model, SequenceLayer):
        pytest.skip(f"{name} is no SequenceLayer")
    law(model)


@pytest.mark.parametrize("name", models.names())
@pytest.mark.parametrize("law", language_models.LAWS, ids=lambda law: law.__name__)
def test_law_of_language_models(name, law):
    model = build(name).eval()
    if not all(hasattr(model, method) for method in ("size", "eos", "start", "log_probs", "advance")):
        pytest.skip(f"{name} is no LanguageModel")
    law(model)

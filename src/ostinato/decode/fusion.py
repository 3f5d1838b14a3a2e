"""Fusion: the scores of several models of one vocabulary, unlike inside, searched as one.

Means of models, which are language models again, are `ostinato.lm.Mixture`.
"""

import math
from collections.abc import Sequence
from copy import copy
from typing import Self

import torch
from torch import Tensor

from ostinato.decode.options import refuse
from ostinato.lm import Predictor, read, searched
from ostinato.padded import Padded
from ostinato.shapes import LogProbs, Rows
from ostinato.state import State


class Fusion:
    """Shallow fusion (Gülçehre et al., 2015): ln p of the model, and of each language model `weight` times its ln p.

    What it gives are scores, no distribution: `log_prob` of a hypothesis is their sum. They are at most 0, so every
    search's stop rule holds. The state is those of the models, side by side; attention is the first model's. Raises
    ConfigError for models of different vocabularies, or weights that do not fit.
    """

    def __init__(self, model: Predictor, others: Sequence[Predictor], weights: Sequence[float]):
        models, problems = (model, *others), []
        if len({(each.size, each.eos) for each in models}) > 1:
            kinds = ", ".join(f"{each.size} tokens with </s> {each.eos}" for each in models)
            problems.append(f"Fusion: its models differ in their vocabulary ({kinds}); train them with one tokenizer")
        if len(weights) != len(others):
            problems.append(f"Fusion: there are {len(weights)} weights for {len(others)} models; give one a model")
        if not all(weight > 0 and math.isfinite(weight) for weight in weights):
            problems.append(f"Fusion: the weights are {list(weights)}; give each model one above 0")
        refuse(problems)
        self.models, self.weights = models, (1.0, *weights)
        self.size, self.eos = model.size, model.eos

    def start(self, owner: Rows) -> State:
        """Each model's."""
        return tuple(model.start(owner) for model in self.models)

    def log_probs(self, state: State) -> LogProbs:
        """[N V]: Σ w ln p."""
        said = [model.log_probs(each) * weight for model, each, weight in zip(self.models, state, self.weights)]
        return torch.stack(said).sum(dim=0)

    def advance(self, state: State, tokens: Rows) -> State:
        """Each model's."""
        return tuple(model.advance(each, tokens) for model, each in zip(self.models, state))

    def read(self, tokens: Padded, state: State) -> State:
        """Each model's."""
        return tuple(read(model, tokens, each) for model, each in zip(self.models, state))

    def searched(self) -> Self:
        """Of the models made ready for a search."""
        ready = copy(self)
        ready.models = tuple(searched(model) for model in self.models)
        return ready

    def attention(self, state: State) -> Tensor | None:
        """The first model's; None where it has none."""
        look = getattr(self.models[0], "attention", None)
        return None if look is None else look(state[0])

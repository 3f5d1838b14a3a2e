"""Fusion: a search over the weighted log-probabilities of several models of one vocabulary.

Mixtures, which are language models again, are in `ostinato.lm.mixture`.
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
    """Shallow fusion (Gülçehre et al., 2015): ln p of the model plus `weight` times ln p of each other language model.

    The sums are not a distribution; `log_prob` of a hypothesis is their sum over tokens. They are at most 0, so the
    stop rule of every search holds. The state is the tuple of the models' states; attention is that of the first model.
    Raises ConfigError for models of different vocabularies, or weights that do not fit.
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
        """The state of every model before the first token, rows `owner` [N]."""
        return tuple(model.start(owner) for model in self.models)

    def log_probs(self, state: State) -> LogProbs:
        """[N V]: Σ w ln p."""
        weighted = [model.log_probs(each) * weight for model, each, weight in zip(self.models, state, self.weights)]
        return torch.stack(weighted).sum(dim=0)

    def advance(self, state: State, tokens: Rows) -> State:
        """The state of every model after one more token a row [N]."""
        return tuple(model.advance(each, tokens) for model, each in zip(self.models, state))

    def read(self, tokens: Padded, state: State) -> State:
        """The state of every model after tokens [N T]."""
        return tuple(read(model, tokens, each) for model, each in zip(self.models, state))

    def searched(self) -> Self:
        """The fusion of the models' own `searched()`."""
        ready = copy(self)
        ready.models = tuple(searched(model) for model in self.models)
        return ready

    def attention(self, state: State) -> Tensor | None:
        """[N S]: the attention of the first model; None where it has none."""
        look = getattr(self.models[0], "attention", None)
        return None if look is None else look(state[0])

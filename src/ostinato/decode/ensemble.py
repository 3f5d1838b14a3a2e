"""Ensembles: several models of one vocabulary, unlike inside, searched as one."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from copy import copy
from typing import Self

import torch
from torch import Tensor

from ostinato.decode.refusal import refuse
from ostinato.errors import DivergedError
from ostinato.lm import Predictor, read, searched
from ostinato.padded import Padded
from ostinato.shapes import LogProbs, Rows
from ostinato.state import State


class Joint(ABC):
    """A Predictor made of Predictors: its state is theirs, side by side. `weights` has one above 0 for each.

    Raises ConfigError for models of different vocabularies, none at all, or weights that do not fit.
    """

    def __init__(self, models: Sequence[Predictor], weights: Sequence[float]):
        what, problems = type(self).__name__, []
        if not models:
            problems.append(f"{what}: there is no model; give at least one")
        elif len({(model.size, model.eos) for model in models}) > 1:
            kinds = ", ".join(f"{model.size} tokens with </s> {model.eos}" for model in models)
            problems.append(f"{what}: its models differ in their vocabulary ({kinds}); train them with one tokenizer")
        if len(weights) != len(models):
            problems.append(f"{what}: there are {len(weights)} weights for {len(models)} models; give one a model")
        if not all(weight > 0 and math.isfinite(weight) for weight in weights):
            problems.append(f"{what}: the weights are {list(weights)}; give each model one above 0")
        refuse(problems)
        self.models, self.weights = tuple(models), tuple(weights)
        self.size, self.eos = models[0].size, models[0].eos

    def start(self, owner: Rows) -> State:
        """Each model's."""
        return tuple(model.start(owner) for model in self.models)

    def log_probs(self, state: State) -> LogProbs:
        """[N V] of what the models say together."""
        return self.joined([model.log_probs(each) for model, each in zip(self.models, state)])

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

    @abstractmethod
    def joined(self, said: list[Tensor]) -> LogProbs:
        """[N V] from that of each model."""


class Mean(Joint):
    """p = Σ_i w_i p_i, with the weights made to sum to one; equal ones unless given."""

    def __init__(self, models: Sequence[Predictor], weights: Sequence[float] | None = None):
        super().__init__(models, [1.0] * len(models) if weights is None else weights)

    def joined(self, said: list[Tensor]) -> LogProbs:
        """ln Σ w p."""
        total = sum(self.weights)
        weighted = [each + math.log(weight / total) for each, weight in zip(said, self.weights)]
        return torch.stack(weighted).logsumexp(dim=0)


class GeometricMean(Joint):
    """p ∝ Π_i p_i^w_i, with the weights made to sum to one: the mean of log-probabilities, normalized in each state.

    Raises DivergedError where no token is possible for all models.
    """

    def __init__(self, models: Sequence[Predictor], weights: Sequence[float] | None = None):
        super().__init__(models, [1.0] * len(models) if weights is None else weights)

    def joined(self, said: list[Tensor]) -> LogProbs:
        """Σ w ln p, normalized."""
        total = sum(self.weights)
        joint = torch.stack([each * (weight / total) for each, weight in zip(said, self.weights)]).sum(dim=0)
        if bool((joint.amax(dim=1) == -torch.inf).any()):
            raise DivergedError("decode.GeometricMean: no token is possible for all models; use Mean")
        return joint.log_softmax(dim=1)


class Fusion(Joint):
    """Shallow fusion (Gülçehre et al., 2015): ln p of the model, and of each language model `weight` times its ln p.

    What it gives are scores, no distribution: `log_prob` of a hypothesis is their sum. They are at most 0, so every
    search's stop rule holds. Attention is the model's.
    """

    def __init__(self, model: Predictor, others: Sequence[Predictor], weights: Sequence[float]):
        super().__init__([model, *others], [1.0, *weights])

    def attention(self, state: State) -> Tensor | None:
        """The model's; None where it has none."""
        look = getattr(self.models[0], "attention", None)
        return None if look is None else look(state[0])

    def joined(self, said: list[Tensor]) -> LogProbs:
        """Σ w ln p."""
        return torch.stack([each * weight for each, weight in zip(said, self.weights)]).sum(dim=0)

"""Mixture: several language models of one vocabulary as one."""

import math
from collections.abc import Iterable, Sequence
from copy import copy
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ostinato.errors import ConfigError, DivergedError
from ostinato.lm.em import fitted
from ostinato.lm.protocol import LanguageModel, Predictor, fold, log_probs_of, read, register, searched, token_log_probs
from ostinato.padded import Padded
from ostinato.registry import NotNegative, Spec
from ostinato.shapes import LogProbs, Rows
from ostinato.state import State

MixtureKind: TypeAlias = Literal["linear", "log-linear"]


class Mixture(LanguageModel):
    """Linear (Jelinek and Mercer, 1980): p(w) = Σ_k λ_k p_k(w), Σ λ = 1.
    Log-linear (Klakow, 1998): p(w) = Π_k p_k(w)^λ_k / Z, with Z the sum over the vocabulary in this state, any λ ≥ 0.

    The state is the tuple of the models' states. Without weights all models have the same share.
    """

    def __init__(
        self, models: Sequence[Predictor], weights: Sequence[float] | None = None, kind: MixtureKind = "linear"
    ):
        if not models:
            raise ConfigError("mixture: there is no model in it; give at least one")
        sizes, ends = {lm.size for lm in models}, {lm.eos for lm in models}
        if len(sizes) > 1 or len(ends) > 1:
            raise ConfigError(
                f"mixture: its models have {', '.join(map(str, sorted(sizes)))} tokens and end with "
                f"{', '.join(map(str, sorted(ends)))}; mix models of one vocabulary"
            )
        if kind not in ("linear", "log-linear"):
            raise ConfigError(f"mixture.kind: '{kind}' is none; choose linear or log-linear")
        self.models, self.kind = tuple(models), kind
        self.weights = checked_weights(weights, len(models), kind)
        self.size, self.eos = models[0].size, models[0].eos

    def tuned(self, tokens: Padded) -> "Mixture":
        """The linear mixture under which rows of tokens [N T], each from the start on, are likeliest; see `fitted`."""
        if self.kind != "linear":
            raise ConfigError("mixture: only weights of a linear one are learnt by expectation and maximization")
        owner = torch.arange(tokens.batch)
        found = [token_log_probs(lm, tokens, lm.start(owner))[0][tokens.mask] for lm in self.models]
        return Mixture(self.models, fitted(torch.stack(found).double().numpy()).tolist())

    def start(self, owner: Rows) -> State:
        """Every model's."""
        return tuple(lm.start(owner) for lm in self.models)

    def advance(self, state: State, tokens: Rows) -> State:
        """Every model's."""
        return tuple(lm.advance(each, tokens) for lm, each in zip(self.models, state))

    def read(self, tokens: Padded, state: State) -> State:
        """Every model's."""
        return tuple(read(lm, tokens, each) for lm, each in zip(self.models, state))

    def searched(self) -> "Mixture":
        """Of the models made ready for a search."""
        ready = copy(self)
        ready.models = tuple(searched(lm) for lm in self.models)
        return ready

    def log_probs(self, state: State) -> LogProbs:
        """[N V], computed in float64. Raises DivergedError where no token is possible for all of a log-linear one."""
        mixed = self._combined([lm.log_probs(each) for lm, each in zip(self.models, state)])
        if self.kind == "log-linear":
            if bool((mixed.amax(dim=1) == -torch.inf).any()):
                raise DivergedError("mixture: no token is possible for all of its models; mix them linearly")
            mixed = mixed.log_softmax(dim=-1)
        return mixed.float()

    def log_probs_of(self, state: State, candidates: Int[Tensor, "N K"]) -> Float[Tensor, "N K"]:
        """Linear: without looking at the other tokens."""
        if self.kind == "log-linear":
            return self.log_probs(state).gather(1, candidates)
        found = [log_probs_of(lm, each, candidates) for lm, each in zip(self.models, state)]
        return self._combined(found).float()

    def token_log_probs(self, tokens: Padded, state: State) -> tuple[Float[Tensor, "N T"], State]:
        """Linear: as the models do it, each all steps at once."""
        if self.kind == "log-linear":
            return fold(self, tokens, state)
        found = [token_log_probs(lm, tokens, each) for lm, each in zip(self.models, state)]
        mixed = self._combined([log_probs for log_probs, _ in found]).float()
        return mixed.masked_fill(~tokens.mask, 0), tuple(after for _, after in found)

    def _combined(self, log_probs: list[Tensor]) -> Tensor:
        """ln Σ λ p, or Σ λ ln p; a model without weight is left out, for its p may be 0."""
        kept = [(each.double(), weight) for each, weight in zip(log_probs, self.weights) if weight]
        if self.kind == "linear":
            return torch.stack([each + math.log(weight) for each, weight in kept]).logsumexp(dim=0)
        return torch.stack([each * weight for each, weight in kept]).sum(dim=0)


def checked_weights(weights: Sequence[float] | None, models: int, kind: MixtureKind) -> tuple[float, ...]:
    """One a model, those of a linear mixture scaled to sum to 1. Raises ConfigError."""
    found = [1 / models] * models if weights is None else list(weights)
    if len(found) != models or not all(0 <= each < math.inf for each in found) or not sum(found):
        raise ConfigError(
            f"mixture.weights: {found} do not fit {models} models; give one each, none negative, one above 0"
        )
    total = sum(found) if kind == "linear" else 1.0
    return tuple(each / total for each in found)


@register("mixture", example={"models": [{"name": "ngram", "order": 3}, {"name": "unigram"}], "weights": [0.7, 0.3]})
def mixture(
    models: list[Spec[LanguageModel]],
    weights: list[NotNegative] | None = None,
    kind: MixtureKind = "linear",
    *,
    chunks: Iterable[npt.NDArray[Any]],
    size: int,
    eos: int,
) -> Mixture:
    """Models of one text, each learnt from all of it.

    Options:
        models: the models to mix.
        weights: the weight of each model; not set: equal weights.
        kind: whether probabilities (linear) or their logarithms (log-linear) are averaged.
    """
    text = [np.asarray(chunk) for chunk in chunks]
    return Mixture([each.build(chunks=text, size=size, eos=eos) for each in models], weights, kind)

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
from ostinato.lm.em import fit_weights
from ostinato.lm.protocol import LanguageModel, Predictor, fold, log_probs_of, read, register, searched, token_log_probs
from ostinato.padded import Padded
from ostinato.registry import NotNegative, Spec
from ostinato.shapes import LogProbs, Rows
from ostinato.state import State

MixtureKind: TypeAlias = Literal["linear", "log-linear"]


class Mixture(LanguageModel):
    """Linear (Jelinek and Mercer, 1980): p(w) = Σ_k λ_k p_k(w), Σ λ = 1.
    Log-linear (Klakow, 1998): p(w) = Π_k p_k(w)^λ_k / Z, with Z the sum over the vocabulary in this state, any λ ≥ 0.

    The state is the tuple of the models' states. Without weights, all models have the same.

    Raises ConfigError for no model, models of different vocabularies, or weights that do not fit.
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
            raise ConfigError(f"mixture.kind: there is no kind '{kind}'; choose linear or log-linear")
        self.models, self.kind = tuple(models), kind
        self.weights = checked_weights(weights, len(models), kind)
        self.size, self.eos = models[0].size, models[0].eos

    def tuned(self, tokens: Padded) -> "Mixture":
        """The mixture whose weights maximize the likelihood of rows of tokens [N T]; see `fit_weights`.

        Raises ConfigError for a log-linear mixture, DataError where no token is possible.
        """
        if self.kind != "linear":
            raise ConfigError("mixture: the weights of a log-linear mixture cannot be learnt; use a linear one")
        owner = torch.arange(tokens.batch)
        log_probs = [token_log_probs(lm, tokens, lm.start(owner))[0][tokens.mask] for lm in self.models]
        return Mixture(self.models, fit_weights(torch.stack(log_probs).double().numpy()).tolist())

    def start(self, owner: Rows) -> State:
        """The state of every model before the first token, rows `owner` [N]."""
        return tuple(lm.start(owner) for lm in self.models)

    def advance(self, state: State, tokens: Rows) -> State:
        """The state of every model after one more token a row [N]."""
        return tuple(lm.advance(each, tokens) for lm, each in zip(self.models, state))

    def read(self, tokens: Padded, state: State) -> State:
        """The state of every model after tokens [N T]."""
        return tuple(read(lm, tokens, each) for lm, each in zip(self.models, state))

    def searched(self) -> "Mixture":
        """The mixture of the models' own `searched()`."""
        ready = copy(self)
        ready.models = tuple(searched(lm) for lm in self.models)
        return ready

    def log_probs(self, state: State) -> LogProbs:
        """[N V], computed in float64. Raises DivergedError where a log-linear mixture excludes every token."""
        mixed = self._combined([lm.log_probs(each) for lm, each in zip(self.models, state)])
        if self.kind == "log-linear":
            if bool((mixed.amax(dim=1) == -torch.inf).any()):
                raise DivergedError("mixture: every token has probability 0 in one of the models; use a linear mixture")
            mixed = mixed.log_softmax(dim=-1)
        return mixed.float()

    def log_probs_of(self, state: State, candidates: Int[Tensor, "N K"]) -> Float[Tensor, "N K"]:
        """[N K]; a linear mixture does not compute the other tokens. Raises as `log_probs` does."""
        if self.kind == "log-linear":
            return self.log_probs(state).gather(1, candidates)
        log_probs = [log_probs_of(lm, each, candidates) for lm, each in zip(self.models, state)]
        return self._combined(log_probs).float()

    def token_log_probs(self, tokens: Padded, state: State) -> tuple[Float[Tensor, "N T"], State]:
        """[N T], and the state after; a linear mixture uses each model's own `token_log_probs`."""
        if self.kind == "log-linear":
            return fold(self, tokens, state)
        pairs = [token_log_probs(lm, tokens, each) for lm, each in zip(self.models, state)]
        mixed = self._combined([log_probs for log_probs, _ in pairs]).float()
        return mixed.masked_fill(~tokens.mask, 0), tuple(after for _, after in pairs)

    def _combined(self, log_probs: list[Tensor]) -> Tensor:
        """ln Σ λ p, or Σ λ ln p; a model of weight 0 is left out, because its p may be 0."""
        weighted = [(each.double(), weight) for each, weight in zip(log_probs, self.weights) if weight]
        if self.kind == "linear":
            return torch.stack([each + math.log(weight) for each, weight in weighted]).logsumexp(dim=0)
        return torch.stack([each * weight for each, weight in weighted]).sum(dim=0)


def checked_weights(weights: Sequence[float] | None, models: int, kind: MixtureKind) -> tuple[float, ...]:
    """One weight a model, those of a linear mixture scaled to sum to 1. Raises ConfigError where they do not fit."""
    values = [1 / models] * models if weights is None else list(weights)
    if len(values) != models or not all(0 <= each < math.inf for each in values) or not sum(values):
        raise ConfigError(
            f"mixture.weights: {values} do not fit {models} models; give one each, none negative, one above 0"
        )
    total = sum(values) if kind == "linear" else 1.0
    return tuple(each / total for each in values)


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
    """A mixture of models that each learn from all of one text, given as chunks of ids [T].

    Raises ConfigError and DataError as `Mixture` and its models do.

    Options:
        models: the models to mix.
        weights: the weight of each model; not set: equal weights.
        kind: whether probabilities (linear) or their logarithms (log-linear) are averaged.
    """
    text = [np.asarray(chunk) for chunk in chunks]
    return Mixture([each.build(chunks=text, size=size, eos=eos) for each in models], weights, kind)

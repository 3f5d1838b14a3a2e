"""Phrases: sequences of tokens that must occur (Hokamp and Liu, 2017)."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ostinato.decode.constraints.tokens import check_tokens
from ostinato.decode.options import refuse
from ostinato.lm import Predictor
from ostinato.shapes import LogProbs, Rows
from ostinato.state import State


class PhrasesState(NamedTuple):
    """The state of N hypotheses with P phrases each."""

    owner: Tensor  # [N] row
    remaining: Tensor  # [N] tokens until the length limit
    progress: Tensor  # [N P] tokens of the phrase that the hypothesis ends with
    met: Tensor  # [N P] whether the phrase has occurred


class Phrases:
    """Row i has each phrase of `tokens[i]`, in any order; `</s>` is forbidden until all have occurred.

    Any token is allowed while the missing phrases, one after another, are shorter than what remains until the length
    limit; after that, only tokens that continue one of them. So they occur in every hypothesis of every search; a beam
    also keeps places for hypotheses that have more of them (`ostinato.decode.banks`). Overlapping phrases may share
    tokens, but near the length limit they are counted apart. A phrase inside another needs no place of its own.

    Raises ConfigError for an empty phrase.
    """

    def __init__(self, tokens: Sequence[Sequence[Sequence[int]]]):
        self.tokens = [_outermost([tuple(phrase) for phrase in row]) for row in tokens]
        most = max((len(row) for row in self.tokens), default=0)
        longest = max((len(phrase) for row in self.tokens for phrase in row), default=0)
        self._lengths = torch.zeros(len(self.tokens), most, dtype=torch.int64)
        self._phrases = torch.full((len(self.tokens), most, longest + 1), -1)
        self._borders = torch.zeros(len(self.tokens), most, longest + 1, dtype=torch.int64)
        for i, row in enumerate(self.tokens):
            for j, phrase in enumerate(row):
                self._lengths[i, j] = len(phrase)
                self._phrases[i, j, : len(phrase)] = torch.tensor(phrase)
                self._borders[i, j, : len(phrase)] = torch.tensor(_borders(phrase))

    def start(self, lm: Predictor, owner: Rows, longest: Rows) -> PhrasesState:
        """No token yet.

        Raises ConfigError for tokens that the model does not have, phrases that do not fit into their row, or lists
        for another number of rows.
        """
        every = [token for row in self.tokens for phrase in row for token in phrase]
        check_tokens(every, lm, "Phrases")
        if lm.eos in every:
            refuse([f"Phrases: token {lm.eos} closes a hypothesis and cannot be in a phrase; leave it out"])
        if len(self.tokens) != int(owner.max()) + 1:
            refuse([f"Phrases: there are lists for {len(self.tokens)} of {int(owner.max()) + 1} rows; give one a row"])
        owner, longest = owner.cpu(), longest.cpu()
        missing = self._lengths[owner].sum(dim=1)
        for row, needed, limit in zip(owner.tolist(), missing.tolist(), longest.tolist()):
            if needed > limit:
                refuse([f"Phrases: row {row} needs {needed} tokens but max_length is {limit}; allow more"])
        progress = torch.zeros_like(self._lengths[owner])
        return PhrasesState(owner, longest, progress, self._lengths[owner] == 0)

    def mask(self, state: State, log_probs: LogProbs, eos: int) -> None:
        """Forbids `</s>` while a phrase is missing; where the phrases fill what remains, allows their tokens alone."""
        owner, remaining, progress, met = state
        missing = self._missing(owner, met)
        log_probs[(missing > 0).to(log_probs.device), eos] = -torch.inf
        tight = ((missing > 0) & (remaining <= missing)).nonzero().squeeze(1)
        if not len(tight):
            return
        owner, remaining, met, at = owner[tight], remaining[tight].unsqueeze(1), met[tight], progress[tight]
        allowed = torch.zeros(len(tight), log_probs.shape[1], dtype=torch.bool)
        while True:  # along the borders: each is a shorter beginning that can be continued
            useful = ~met & (missing[tight].unsqueeze(1) - at <= remaining)
            rows, phrases = useful.nonzero(as_tuple=True)
            allowed[rows, self._phrases[owner[rows], phrases, at[rows, phrases]]] = True
            if not at.any():
                break
            at = self._of(self._borders, owner, at)
        tight = tight.to(log_probs.device)
        log_probs[tight] = log_probs[tight].masked_fill(~allowed.to(log_probs.device), -torch.inf)

    def advance(self, state: State, tokens: Rows) -> PhrasesState:
        """Each phrase is matched as by Knuth, Morris and Pratt (1977)."""
        owner, remaining, at, met = state
        token = tokens.cpu().unsqueeze(1)
        while True:
            fits = self._of(self._phrases, owner, at) == token
            back = ~fits & (at > 0)
            if not back.any():
                break
            at = torch.where(back, self._of(self._borders, owner, at), at)
        at = torch.where(met, 0, at + fits)
        met = met | (at == self._lengths[owner])
        return PhrasesState(owner, remaining - 1, torch.where(met, 0, at), met)

    def next(self, state: State) -> Tensor:
        """[N P]: the token that continues each phrase; −1 where it has occurred."""
        owner, _, progress, met = state
        return self._of(self._phrases, owner, progress).masked_fill(met, -1)

    def matched(self, state: State) -> Tensor:
        """[N]: the number of phrase tokens of each hypothesis: of complete phrases and of the longest open one."""
        owner, _, progress, met = state
        begun = progress.amax(dim=1) if progress.shape[1] else self._missing(owner, met)
        return self._lengths[owner].sum(dim=1) - self._missing(owner, met) + begun

    def _missing(self, owner: Tensor, met: Tensor) -> Tensor:
        return self._lengths[owner].masked_fill(met, 0).sum(dim=1)

    def _of(self, table: Tensor, owner: Tensor, at: Tensor) -> Tensor:
        """[N P]: the entry of each phrase at the position `at` [N P]."""
        return table[owner].gather(2, at.unsqueeze(2)).squeeze(2)


def _outermost(phrases: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """The phrases without those that occur in another."""
    if not all(phrases):
        refuse(["Phrases: a phrase has no token; leave it out"])
    unique = sorted(set(phrases), key=lambda phrase: (len(phrase), phrase))
    return [phrase for i, phrase in enumerate(unique) if not any(_within(phrase, other) for other in unique[i + 1 :])]


def _within(phrase: tuple[int, ...], other: tuple[int, ...]) -> bool:
    return any(other[i : i + len(phrase)] == phrase for i in range(len(other) - len(phrase) + 1))


def _borders(phrase: tuple[int, ...]) -> list[int]:
    """For each proper prefix of the phrase, by length, its longest border: a shorter prefix that it ends with."""
    borders = [0] * len(phrase)
    for count in range(2, len(phrase)):
        border = borders[count - 1]
        while border and phrase[border] != phrase[count - 1]:
            border = borders[border]
        borders[count] = border + (phrase[border] == phrase[count - 1])
    return borders

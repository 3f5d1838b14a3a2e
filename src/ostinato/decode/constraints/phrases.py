"""Phrases: words that must occur, each a token or several in a row."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ostinato.decode.constraints.tokens import known
from ostinato.decode.options import refuse
from ostinato.lm import Predictor
from ostinato.shapes import LogProbs, Rows
from ostinato.state import State


class Owed(NamedTuple):
    """Whose phrases; how many tokens may still come; how much of each phrase stands at the end; which occurred."""

    owner: Tensor  # [N]
    left: Tensor  # [N]
    progress: Tensor  # [N P]
    met: Tensor  # [N P]


class Phrases:
    """Row i has each phrase of `tokens[i]` somewhere, in any order; `</s>` waits for them.

    While there is room any token may come. Once the phrases that are missing, counted one after another, fill all the
    room that is left, only tokens that go on with one may. So they occur in every hypothesis of every search; a beam
    also keeps places for those that have more of them (`ostinato.decode.banks`). Phrases that overlap may share
    tokens, though near the length limit nobody reckons with it. A phrase within another is the other's.
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

    def start(self, lm: Predictor, owner: Rows, longest: Rows) -> Owed:
        """Raises ConfigError for phrases that the model cannot say, or that do not fit into a row."""
        every = [token for row in self.tokens for phrase in row for token in phrase]
        known(every, lm, "Phrases")
        if lm.eos in every:
            refuse([f"Phrases: token {lm.eos} closes a hypothesis, so no phrase can hold it; leave it out"])
        if len(self.tokens) != int(owner.max()) + 1:
            refuse([f"Phrases: there are lists for {len(self.tokens)} of {int(owner.max()) + 1} rows; give one a row"])
        owner, longest = owner.cpu(), longest.cpu()
        missing = self._lengths[owner].sum(dim=1)
        for row, needed, limit in zip(owner.tolist(), missing.tolist(), longest.tolist()):
            if needed > limit:
                refuse([f"Phrases: row {row} needs {needed} tokens but max_length is {limit}; allow more"])
        progress = torch.zeros_like(self._lengths[owner])
        return Owed(owner, longest, progress, self._lengths[owner] == 0)

    def mask(self, state: State, log_probs: LogProbs, eos: int) -> None:
        """No `</s>` while a phrase is missing; without room to spare only what goes on with one."""
        owner, left, progress, met = state
        missing = self._missing(owner, met)
        log_probs[(missing > 0).to(log_probs.device), eos] = -torch.inf
        tight = ((missing > 0) & (left <= missing)).nonzero().squeeze(1)
        if not len(tight):
            return
        owner, left, met, at = owner[tight], left[tight].unsqueeze(1), met[tight], progress[tight]
        allowed = torch.zeros(len(tight), log_probs.shape[1], dtype=torch.bool)
        while True:  # down the borders: what was begun last can be gone on with at each of them
            useful = ~met & (missing[tight].unsqueeze(1) - at <= left)
            rows, phrases = useful.nonzero(as_tuple=True)
            allowed[rows, self._phrases[owner[rows], phrases, at[rows, phrases]]] = True
            if not at.any():
                break
            at = self._of(self._borders, owner, at)
        tight = tight.to(log_probs.device)
        log_probs[tight] = log_probs[tight].masked_fill(~allowed.to(log_probs.device), -torch.inf)

    def advance(self, state: State, tokens: Rows) -> Owed:
        """Each phrase sees the token, as Knuth, Morris and Pratt (1977) look for it."""
        owner, left, at, met = state
        token = tokens.cpu().unsqueeze(1)
        while True:
            fits = self._of(self._phrases, owner, at) == token
            back = ~fits & (at > 0)
            if not back.any():
                break
            at = torch.where(back, self._of(self._borders, owner, at), at)
        at = torch.where(met, 0, at + fits)
        met = met | (at == self._lengths[owner])
        return Owed(owner, left - 1, torch.where(met, 0, at), met)

    def next(self, state: State) -> Tensor:
        """[N P]: the token that goes on with each phrase; −1 where it occurred."""
        owner, _, progress, met = state
        return self._of(self._phrases, owner, progress).masked_fill(met, -1)

    def said(self, state: State) -> Tensor:
        """[N]: how many of the phrases' tokens a hypothesis has, of those begun the furthest."""
        owner, _, progress, met = state
        begun = progress.amax(dim=1) if progress.shape[1] else self._missing(owner, met)
        return self._lengths[owner].sum(dim=1) - self._missing(owner, met) + begun

    def _missing(self, owner: Tensor, met: Tensor) -> Tensor:
        return self._lengths[owner].masked_fill(met, 0).sum(dim=1)

    def _of(self, table: Tensor, owner: Tensor, at: Tensor) -> Tensor:
        """[N P]: the entry at each phrase's place."""
        return table[owner].gather(2, at.unsqueeze(2)).squeeze(2)


def _outermost(phrases: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Without those that occur in another."""
    if not all(phrases):
        refuse(["Phrases: a phrase has no token; leave it out"])
    unlike = sorted(set(phrases), key=lambda phrase: (len(phrase), phrase))
    return [phrase for i, phrase in enumerate(unlike) if not any(_within(phrase, other) for other in unlike[i + 1 :])]


def _within(phrase: tuple[int, ...], other: tuple[int, ...]) -> bool:
    return any(other[i : i + len(phrase)] == phrase for i in range(len(other) - len(phrase) + 1))


def _borders(phrase: tuple[int, ...]) -> list[int]:
    """For each number of tokens below all, the longest shorter beginning that they end with."""
    found = [0] * len(phrase)
    for count in range(2, len(phrase)):
        border = found[count - 1]
        while border and phrase[border] != phrase[count - 1]:
            border = found[border]
        found[count] = border + (phrase[border] == phrase[count - 1])
    return found

"""Words: a model of words, seen through the characters or subwords that spell them."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ostinato.errors import ConfigError
from ostinato.lm.protocol import LanguageModel, Predictor
from ostinato.shapes import LogProbs, Rows
from ostinato.state import State, where

ROOT, ASTRAY = 0, -1


class Spelling(NamedTuple):
    """The state of the word model before the word that is being spelt, the node of the trie [N] where it stands (−1:
    no word goes on so), and whether a sentence begins here [N]."""

    words: State
    node: Tensor
    begins: Tensor


class WordsAsPieces(LanguageModel):
    """A sentence is w₁ separator w₂ … </s>, each word as its pieces. With P(n) the probability of all words below the
    node n of the trie, after the words before (look-ahead; Ortmanns, Ney and Eiden, 1996),

    p(piece | n) = P(child) / P(n),  p(separator | n) = P(word that ends at n) (1 − e) / P(n),  p(</s> | n): with e

    where e is p(</s>) after that word. So a sentence costs what the word model takes for it, whatever the pieces.
    Words without a spelling are left out and their probability shared out. `unknown` is the word that stands for all
    strings: its probability goes to each by pieces that are equally likely; without it other strings are impossible,
    and what follows an impossible piece is taken as equally likely until the word ends.
    """

    def __init__(
        self, lm: Predictor, spellings: Mapping[int, Sequence[int]], *, size: int, eos: int, separator: int,
        unknown: int | None = None,
    ):  # fmt: skip
        self.lm, self.size, self.eos, self.separator, self.unknown = lm, size, eos, separator, unknown
        self._check(spellings)
        words = sorted(spellings, key=lambda word: tuple(spellings[word]))
        self._words = torch.tensor(words)
        self._trie = _Trie([tuple(spellings[word]) for word in words])
        self._letters = np.array([token for token in range(size) if token not in (eos, separator)])
        # The word that ends at each node: its own, or the unknown one, or none (−1).
        other = -1 if unknown is None else unknown
        own = [words[place] if place >= 0 else other for place in self._trie.word]
        self._ending = torch.tensor([*own, other])  # the last is that of ASTRAY

    def start(self, owner: Rows) -> Spelling:
        """Before the first word."""
        node = torch.full_like(owner, ROOT, dtype=torch.int64)
        return Spelling(self.lm.start(owner), node, torch.ones_like(node))

    def advance(self, state: State, tokens: Rows) -> Spelling:
        """Within a word the node moves; at its end the word model does."""
        words, node, begins = state
        ends, closes = tokens == self.separator, tokens == self.eos
        inside = node != ROOT
        after = where(inside, self._after(words, node), words)
        closed = self.lm.advance(after, torch.full_like(tokens, self.lm.eos))
        moved = torch.tensor(
            [self._trie.child(*each) for each in zip(node.tolist(), tokens.tolist())], dtype=torch.int64
        ).to(node.device)
        return Spelling(
            where(closes, closed, where(ends, after, words)),
            torch.where(ends | closes, ROOT, moved),
            torch.where(closes, 1, torch.zeros_like(begins)),
        )

    def log_probs(self, state: State) -> LogProbs:
        """[N V]."""
        words, node, begins = state
        probs = self.lm.log_probs(words).double().exp().cpu()
        closes = self._closing(self._after(words, node))
        at_once = self._closing(words)
        spelt = probs[:, self._words].numpy()
        unknown = probs[:, self.unknown].numpy() if self.unknown is not None else np.zeros(len(probs))
        found = np.zeros((len(probs), self.size))
        for row, place in enumerate(node.tolist()):
            pieces, end = self._going_on(place, spelt[row], unknown[row])
            found[row, self._letters] = pieces
            if place == ROOT:
                found[row] *= 1 - at_once[row] if begins[row] else 1
                found[row, self.eos] = at_once[row] if begins[row] else 0
            else:
                found[row, self.separator], found[row, self.eos] = end * (1 - closes[row]), end * closes[row]
        return torch.from_numpy(found).log().float().to(node.device)

    def _going_on(
        self, node: int, spelt: npt.NDArray[np.float64], unknown: float
    ) -> tuple[npt.NDArray[np.float64], float]:
        """Of each letter, and of the word's end: shares that sum to 1."""
        letters = len(self._letters)
        pieces, end = np.zeros(self.size), 0.0
        if node != ASTRAY:
            depth = self._trie.depth[node]
            children, masses, end = self._trie.masses(node, spelt)
            pieces[children] = masses
            prefix = unknown * letters ** -min(depth, 1.0) * (letters + 1.0) ** -max(depth - 1.0, 0.0)
            each = prefix / (letters + (node != ROOT))
            pieces, end = pieces[self._letters] + each, end + (each if node != ROOT else 0.0)
        total = pieces.sum() + end
        if node == ASTRAY or not total > 0:
            return np.full(letters, 1 / (letters + (node != ROOT))), (1 / (letters + 1) if node != ROOT else 0.0)
        return pieces / total, end / total

    def _after(self, words: State, node: Tensor) -> State:
        """The word model's state if the word ends at `node`; as it was where no word does."""
        word = self._ending.to(node.device)[node]
        return where(word >= 0, self.lm.advance(words, word.clamp_min(0)), words)

    def _closing(self, words: State) -> npt.NDArray[np.float64]:
        """[N]: the share of </s> among what has a spelling."""
        probs = self.lm.log_probs(words).double().exp().cpu()
        closes = probs[:, self.lm.eos].numpy()
        others = probs[:, self._words].sum(1).numpy()
        others = others + (probs[:, self.unknown].numpy() if self.unknown is not None else 0)
        shares: npt.NDArray[np.float64] = np.ones_like(closes)
        np.divide(closes, closes + others, out=shares, where=closes + others > 0)
        return shares

    def _check(self, spellings: Mapping[int, Sequence[int]]) -> None:
        problems = []
        if self.separator == self.eos or not all(0 <= token < self.size for token in (self.eos, self.separator)):
            problems.append(f"words: eos {self.eos} and separator {self.separator} are not two of {self.size} tokens")
        if self.size < 3 or not spellings:
            problems.append("words: there is nothing to spell, or nothing to spell it with; give words and pieces")
        seen: dict[tuple[int, ...], int] = {}
        for word, pieces in spellings.items():
            spelling = tuple(pieces)
            odd = [p for p in spelling if not 0 <= p < self.size or p in (self.eos, self.separator)]
            if word in (self.lm.eos, self.unknown) or not 0 <= word < self.lm.size:
                problems.append(f"words: {word} is no word to be spelt; leave it out")
            if not spelling or odd:
                problems.append(f"words: {word} is spelt {list(spelling)}; use pieces other than eos and separator")
            if spelling in seen:
                problems.append(f"words: {seen[spelling]} and {word} are spelt alike; keep one of them")
            seen[spelling] = word
        if problems:
            raise ConfigError(problems)


class _Trie:
    """Nodes over sorted spellings: those below node n are the spellings from first[n] to last[n]."""

    def __init__(self, spellings: Sequence[tuple[int, ...]]):
        self.first, self.last, self.depth, self.word = [0], [len(spellings)], [0], [-1]
        self._children: list[dict[int, int]] = [{}]
        for place, spelling in enumerate(spellings):
            node = ROOT
            for depth, piece in enumerate(spelling, 1):
                if piece not in self._children[node]:
                    self._children[node][piece] = len(self.first)
                    self.first.append(place)
                    self.last.append(place)
                    self.depth.append(depth)
                    self.word.append(-1)
                    self._children.append({})
                node = self._children[node][piece]
                self.last[node] = place + 1
            self.word[node] = place

    def child(self, node: int, piece: int) -> int:
        """ASTRAY where no spelling goes on so."""
        return self._children[node].get(piece, ASTRAY) if node != ASTRAY else ASTRAY

    def masses(self, node: int, probs: npt.NDArray[np.float64]) -> tuple[list[int], npt.NDArray[np.float64], float]:
        """The pieces that go on, the probability of the words below each, and that of the word that ends here."""
        children = self._children[node]
        end = float(probs[self.word[node]]) if self.word[node] >= 0 else 0.0
        if not children:
            return [], np.zeros(0), end
        starts = [self.first[child] - self.first[node] for child in children.values()]
        return list(children), np.add.reduceat(probs[self.first[node] : self.last[node]], starts), end

"""Lexicon: a model of words as a model of the characters or subwords that spell them."""

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

ROOT, NO_NODE = 0, -1


class Spelling(NamedTuple):
    """The word model's state before the current word, the node of the trie that its pieces lead to [N] (−1: no word
    begins with them), and whether a sentence begins here [N]."""

    words: State
    node: Tensor
    begins: Tensor


class WordsAsPieces(LanguageModel):
    """A sentence is w₁ separator w₂ … </s>, each word as its pieces. With P(n) the probability of all words below the
    node n of the trie, after the words before (look-ahead; Ortmanns, Ney and Eiden, 1996),

    p(piece | n) = P(child) / P(n)
    p(separator | n) = P(word that ends at n) (1 − e) / P(n),  p(</s> | n) = P(word that ends at n) e / P(n)

    where e is p(</s>) after that word. So a sentence has the probability that the word model gives it. Words without a
    spelling are excluded, and their probability goes to the others in proportion. `unknown` is the word that stands for
    all other strings: its probability is divided among them as by equally likely pieces. Without it, other strings are
    impossible, and after an impossible piece all pieces are equally likely until the word ends.

    `spellings` maps words, ids of `lm`, to their pieces; `size` is the number of pieces, `eos` and `separator` are two
    of them. Raises ConfigError naming everything in them that does not fit.
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
        # The word that ends at each node: its own, or the unknown one, or −1 for no word.
        other = -1 if unknown is None else unknown
        own = [words[place] if place >= 0 else other for place in self._trie.word]
        self._ending = torch.tensor([*own, other])  # the last is that of NO_NODE

    def start(self, owner: Rows) -> Spelling:
        """The state before the first word, for rows `owner` [N]."""
        node = torch.full_like(owner, ROOT, dtype=torch.int64)
        return Spelling(self.lm.start(owner), node, torch.ones_like(node))

    def advance(self, state: State, tokens: Rows) -> Spelling:
        """The state after one more piece a row [N]: inside a word the node advances, at its end the word model."""
        words, node, begins = state
        ends, closes = tokens == self.separator, tokens == self.eos
        inside = node != ROOT
        after = where(inside, self._after(words, node), words)
        closed = self.lm.advance(after, torch.full_like(tokens, self.lm.eos))
        next_node = torch.tensor(
            [self._trie.child(*each) for each in zip(node.tolist(), tokens.tolist())], dtype=torch.int64
        ).to(node.device)
        return Spelling(
            where(closes, closed, where(ends, after, words)),
            torch.where(ends | closes, ROOT, next_node),
            torch.where(closes, 1, torch.zeros_like(begins)),
        )

    def log_probs(self, state: State) -> LogProbs:
        """[N V]: ln p of each piece, separator and </s>."""
        words, node, begins = state
        probs = self.lm.log_probs(words).double().exp().cpu()
        closes = self._closing(self._after(words, node))
        at_once = self._closing(words)
        by_spelling = probs[:, self._words].numpy()
        unknown = probs[:, self.unknown].numpy() if self.unknown is not None else np.zeros(len(probs))
        shares = np.zeros((len(probs), self.size))
        for row, place in enumerate(node.tolist()):
            pieces, end = self._shares_after(place, by_spelling[row], unknown[row])
            shares[row, self._letters] = pieces
            if place == ROOT:
                shares[row] *= 1 - at_once[row] if begins[row] else 1
                shares[row, self.eos] = at_once[row] if begins[row] else 0
            else:
                shares[row, self.separator], shares[row, self.eos] = end * (1 - closes[row]), end * closes[row]
        return torch.from_numpy(shares).log().float().to(node.device)

    def _shares_after(
        self, node: int, by_spelling: npt.NDArray[np.float64], unknown: float
    ) -> tuple[npt.NDArray[np.float64], float]:
        """The shares of each letter and of the word's end, which sum to 1."""
        letters = len(self._letters)
        pieces, end = np.zeros(self.size), 0.0
        if node != NO_NODE:
            depth = self._trie.depth[node]
            children, masses, end = self._trie.masses(node, by_spelling)
            pieces[children] = masses
            prefix = unknown * letters ** -min(depth, 1.0) * (letters + 1.0) ** -max(depth - 1.0, 0.0)
            each = prefix / (letters + (node != ROOT))
            pieces, end = pieces[self._letters] + each, end + (each if node != ROOT else 0.0)
        total = pieces.sum() + end
        if node == NO_NODE or not total > 0:
            return np.full(letters, 1 / (letters + (node != ROOT))), (1 / (letters + 1) if node != ROOT else 0.0)
        return pieces / total, end / total

    def _after(self, words: State, node: Tensor) -> State:
        """The word model's state after the word that ends at `node` [N]; unchanged where no word ends."""
        word = self._ending.to(node.device)[node]
        return where(word >= 0, self.lm.advance(words, word.clamp_min(0)), words)

    def _closing(self, words: State) -> npt.NDArray[np.float64]:
        """[N]: the share of </s> among it and the words that have a spelling."""
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
            problems.append(
                f"words: eos {self.eos} and separator {self.separator} are not two of {self.size} pieces; give two"
            )
        if self.size < 3 or not spellings:
            problems.append(
                f"words: there are {len(spellings)} spellings and {self.size} pieces; give at least 1 and 3"
            )
        by_spelling: dict[tuple[int, ...], int] = {}
        for word, pieces in spellings.items():
            spelling = tuple(pieces)
            wrong = [p for p in spelling if not 0 <= p < self.size or p in (self.eos, self.separator)]
            if word in (self.lm.eos, self.unknown) or not 0 <= word < self.lm.size:
                problems.append(f"words: {word} is not a word of the model to spell; leave it out")
            if not spelling or wrong:
                problems.append(f"words: {word} is spelt {list(spelling)}; use pieces other than eos and separator")
            if spelling in by_spelling:
                problems.append(f"words: {by_spelling[spelling]} and {word} are spelt alike; keep one of them")
            by_spelling[spelling] = word
        if problems:
            raise ConfigError(problems)


class _Trie:
    """A prefix tree of sorted spellings; those below node n are number first[n] to last[n] (exclusive)."""

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
        """The node after one more piece; NO_NODE where no spelling continues with it."""
        return self._children[node].get(piece, NO_NODE) if node != NO_NODE else NO_NODE

    def masses(self, node: int, probs: npt.NDArray[np.float64]) -> tuple[list[int], npt.NDArray[np.float64], float]:
        """The pieces that continue, the probability of the words below each, and that of the word that ends here."""
        children = self._children[node]
        end = float(probs[self.word[node]]) if self.word[node] >= 0 else 0.0
        if not children:
            return [], np.zeros(0), end
        starts = [self.first[child] - self.first[node] for child in children.values()]
        return list(children), np.add.reduceat(probs[self.first[node] : self.last[node]], starts), end

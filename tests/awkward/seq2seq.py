"""A translator (Bahdanau, Cho and Bengio, 2015, with the scores of Luong, Pham and Manning, 2015): once it is given its
source it is a language model of the target, and every search that knows language models can use it."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ostinato.cells import cells
from ostinato.layers import Bidirectional, Embedding, Recurrent, whole
from ostinato.lm import fold
from ostinato.padded import Padded
from ostinato.state import State


class GivenState(NamedTuple):
    """Which source each hypothesis is of [N], and the decoder's state. Of the source itself it holds nothing."""

    owner: Tensor
    decoder: State


class Given:
    """p(target | source): the memory [B S M] of the sources is kept here, once, however many hypotheses there are."""

    def __init__(self, model: "Seq2Seq", memory: Padded):
        self.model, self.memory = model, memory
        self.size, self.eos = model.size, model.eos

    def start(self, owner: Tensor) -> GivenState:
        """Each hypothesis has read the boundary."""
        state = GivenState(owner, self.model.decoder.initial(len(owner)))
        return self.advance(state, torch.full_like(owner, self.eos))

    def attention(self, state: GivenState) -> Tensor:
        """[N S]: 0 where a source has ended."""
        query = self.model.query(state.decoder.h)
        scores = torch.einsum("nsm,nm->ns", self.memory.data[state.owner], query)
        beyond = ~self.memory.mask[state.owner]
        empty = beyond.all(dim=1, keepdim=True)  # a source of no steps: look nowhere, evenly
        return scores.masked_fill(beyond & ~empty, -torch.inf).softmax(dim=1)

    def log_probs(self, state: GivenState) -> Tensor:
        """[N V]."""
        seen = torch.einsum("ns,nsm->nm", self.attention(state), self.memory.data[state.owner])
        return self.model.head(torch.cat([state.decoder.h, seen], dim=1)).log_softmax(dim=1)

    def advance(self, state: GivenState, tokens: Tensor) -> GivenState:
        """One more target token a hypothesis."""
        vectors, _ = self.model.targets(Padded.full(tokens.unsqueeze(1)))
        return GivenState(state.owner, self.model.decoder(vectors, state.decoder)[1])


class Seq2Seq(nn.Module):
    """A bidirectional encoder, and a decoder that looks back at it."""

    def __init__(self, size: int, eos: int, hidden: int):
        super().__init__()
        self.size, self.eos = size, eos
        self.sources, self.targets = Embedding(hidden, inputs=size), Embedding(hidden, inputs=size)

        def recurrent() -> Recurrent:
            return Recurrent(cells.build({"name": "lstm", "hidden": hidden}, inputs=hidden))

        self.encoder, self.decoder = Bidirectional(recurrent(), recurrent()), recurrent()
        self.query = nn.Linear(hidden, 2 * hidden)
        self.head = nn.Linear(3 * hidden, size)

    def given(self, source: Padded) -> Given:
        """The language model of what `source` [B S] becomes."""
        vectors, _ = self.sources(source)
        return Given(self, whole(self.encoder, vectors).zeroed())

    def loss(self, source: Padded, target: Padded) -> Tensor:
        """Nats a target token, the closing boundary among them."""
        closing = target.then(Padded.full(torch.full((target.batch, 1), self.eos)))
        given = self.given(source)
        log_probs, _ = fold(given, closing, given.start(torch.arange(source.batch)))
        return -log_probs.sum() / closing.lengths.sum()

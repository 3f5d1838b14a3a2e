"""Search: the loop of every beam search; its argument chooses the continuations."""

from bisect import insort
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
import torch

from ostinato.decode.beams import Beams, Extension
from ostinato.decode.constraints.combined import dead_end
from ostinato.decode.hypothesis import Hypothesis
from ostinato.decode.ranking import Floats, Ints
from ostinato.decode.topk import not_numbers

Choose: TypeAlias = Callable[[Beams], Extension]
"""From the open hypotheses to the continuations that stay."""


class _End(NamedTuple):
    """A complete hypothesis; ends sort in the order in which they are reported."""

    cost: float  # − score
    number: int
    log_prob: float
    finished: bool
    length: int  # of the hypothesis that it extends, number `place` of that length
    place: int
    token: int


@torch.no_grad()
def search(beams: Beams, choose: Choose, n_best: int) -> list[list[Hypothesis]]:
    """For each lane its `n_best` best hypotheses, best first; fewer only where the lane completed fewer.

    A hypothesis that ends in `</s>` is finished and leaves; at its length limit it counts as it is. An open one whose
    bound is at most the score of `n_best` complete ones leaves too, because it cannot become one of the best. Equal
    ones are in the order of completion, finished ones first. Raises ConfigError where constraints leave a row nothing,
    DivergedError for a model that gives NaN.
    """
    eos, count = beams.lm.eos, 0
    ends: list[list[_End]] = [[] for _ in beams.owners]
    needed = np.full(len(ends), -np.inf)  # the score that a continuation must exceed
    while len(beams.lanes):
        extension = choose(beams)
        lanes = beams.lanes[extension.parents]
        finished = extension.tokens == eos
        cut = ~finished & (beams.length + 1 == beams.longest[lanes])
        for i in [*np.flatnonzero(finished).tolist(), *np.flatnonzero(cut).tolist()]:
            parts = extension.log_probs[i].item(), bool(finished[i])
            place = beams.length, int(extension.parents[i]), int(extension.tokens[i])
            best = ends[lanes[i]]
            insort(best, _End(-extension.scores[i].item(), count, *parts, *place))
            count += 1
            if len(best) >= n_best:
                del best[n_best:]
                needed[lanes[i]] = -best[-1].cost
        beams.grow(extension.take(~finished & ~cut & (extension.bounds > needed[lanes])))
    return [_reported(beams, best, row) for best, row in zip(ends, beams.owners.tolist())]


def ranked(beams: Beams, parents: Ints, tokens: Ints, keys: Floats, width: int, bank: Ints | None = None) -> Ints:
    """The numbers of the best continuations (tokens of a beam) out of M, by lane and best first: for each lane the
    `width` possible ones with the greatest `keys` [M], of equal ones the earlier. With banks [M], the greatest of each
    bank in turn."""
    possible = np.flatnonzero(keys > -np.inf)
    lanes = beams.lanes[parents[possible]]
    order = np.lexsort((tokens[possible], parents[possible], -keys[possible], lanes))
    if bank is not None:
        turns = np.empty(len(order), np.int64)
        by_bank = order[np.argsort(bank[possible][order], kind="stable")]
        by_bank = by_bank[np.argsort(lanes[by_bank], kind="stable")]
        turns[by_bank] = _places(lanes[by_bank] * (int(bank.max(initial=0)) + 1) + bank[possible][by_bank])
        by_turn = order[np.lexsort((turns[order], lanes[order]))]
        places = by_turn[_places(lanes[by_turn]) < width]
        return possible[order[np.isin(order, places)]]
    return possible[order[_places(lanes[order]) < width]]


def _places(groups: Ints) -> Ints:
    """For each element of sorted `groups` [M], its number within its group, from 0."""
    return np.arange(len(groups)) - np.searchsorted(groups, groups)


def _reported(beams: Beams, ends: list[_End], row: int) -> list[Hypothesis]:
    if not ends:
        raise dead_end(row) if beams.constraints.states else not_numbers()
    hypotheses = []
    for end in ends:
        tokens = beams.tokens(end.length, end.place)
        if not end.finished:
            tokens.append(end.token)
        hypotheses.append(Hypothesis(tokens, end.log_prob, end.finished, -end.cost))
    return hypotheses

"""Search: the loop that every beam goes through; how continuations are chosen is its argument."""

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
"""From the open hypotheses, those to keep of their continuations."""


class _End(NamedTuple):
    """A hypothesis that is complete; in the order in which they are reported."""

    worse: float  # − score
    number: int
    log_prob: float
    finished: bool
    length: int  # of the hypothesis that it grew from, which stood at `place`
    place: int
    token: int


@torch.no_grad()
def search(frontier: Beams, choose: Choose, n_best: int) -> list[list[Hypothesis]]:
    """For each lane its `n_best` best hypotheses, best first; fewer only where no more were kept.

    What ends in `</s>` is finished and leaves; at its length limit a hypothesis counts as it is. An open one whose
    bound is at most the score of `n_best` complete ones leaves too, and so does a lane without open ones: none of them
    can come among the best. Equal ones stand in the order in which they were completed, finished ones first.
    """
    eos, count = frontier.lm.eos, 0
    ends: list[list[_End]] = [[] for _ in frontier.owners]
    needed = np.full(len(ends), -np.inf)  # the score that is to be exceeded
    while len(frontier.lanes):
        growth = choose(frontier)
        lanes = frontier.lanes[growth.parents]
        finished = growth.tokens == eos
        cut = ~finished & (frontier.length + 1 == frontier.longest[lanes])
        for i in [*np.flatnonzero(finished).tolist(), *np.flatnonzero(cut).tolist()]:
            parts = growth.log_probs[i].item(), bool(finished[i])
            place = frontier.length, int(growth.parents[i]), int(growth.tokens[i])
            found = ends[lanes[i]]
            insort(found, _End(-growth.scores[i].item(), count, *parts, *place))
            count += 1
            if len(found) >= n_best:
                del found[n_best:]
                needed[lanes[i]] = -found[-1].worse
        frontier.grow(growth.take(~finished & ~cut & (growth.bounds > needed[lanes])))
    return [_reported(frontier, found, row) for found, row in zip(ends, frontier.owners.tolist())]


def ranked(frontier: Beams, parents: Ints, tokens: Ints, keys: Floats, width: int, bank: Ints | None = None) -> Ints:
    """Which of the continuations [M] to keep, by lane and best first: the `width` possible ones with the greatest keys,
    of equal ones the earlier. With banks, those with the greatest keys of each bank in turn."""
    possible = np.flatnonzero(keys > -np.inf)
    lanes = frontier.lanes[parents[possible]]
    order = np.lexsort((tokens[possible], parents[possible], -keys[possible], lanes))
    if bank is not None:
        turns = np.empty(len(order), np.int64)
        by_bank = order[np.argsort(bank[possible][order], kind="stable")]
        by_bank = by_bank[np.argsort(lanes[by_bank], kind="stable")]
        turns[by_bank] = _places(lanes[by_bank] * (int(bank.max(initial=0)) + 1) + bank[possible][by_bank])
        in_turn = order[np.lexsort((turns[order], lanes[order]))]
        chosen = in_turn[_places(lanes[in_turn]) < width]
        return possible[order[np.isin(order, chosen)]]
    return possible[order[_places(lanes[order]) < width]]


def _places(groups: Ints) -> Ints:
    """In sorted `groups`, the how manieth of its group each one is, from 0."""
    return np.arange(len(groups)) - np.searchsorted(groups, groups)


def _reported(frontier: Beams, found: list[_End], row: int) -> list[Hypothesis]:
    if not found:
        raise dead_end(row) if frontier.constraints.states else not_numbers()
    hypotheses = []
    for end in found:
        said = frontier.tokens(end.length, end.place)
        tokens = said if end.finished else [*said, end.token]
        hypotheses.append(Hypothesis(tokens, end.log_prob, end.finished, -end.worse))
    return hypotheses

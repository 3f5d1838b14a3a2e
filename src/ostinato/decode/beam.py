"""Beam search: at each step the `width` most probable beginnings (Lowerre, 1976; Sutskever, Vinyals and Le, 2014)."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from ostinato.decode.hypothesis import Hypothesis
from ostinato.decode.walk import begin, check, look, refuse
from ostinato.lm import Predictor
from ostinato.padded import Padded
from ostinato.state import select


@dataclass
class _Row:
    """One row's open beginnings, best first, and what it has finished."""

    open: list[Hypothesis] = field(default_factory=lambda: [Hypothesis([], 0.0, False)])
    finished: list[Hypothesis] = field(default_factory=list)

    def best(self, count: int) -> list[Hypothesis]:
        return sorted(self.finished + self.open, key=lambda hypothesis: -hypothesis.log_prob)[:count]

    def decided(self, count: int) -> bool:
        """Whether no open beginning can still come among the best: ln p only falls as it grows."""
        if not self.open:
            return True
        better = sum(hypothesis.log_prob >= self.open[0].log_prob for hypothesis in self.finished)
        return better >= count


@torch.no_grad()
def beam(
    lm: Predictor, width: int, rows: int = 1, *, max_length: int, n_best: int = 1, prompt: Padded | None = None
) -> list[list[Hypothesis]]:
    """For each row the `n_best` best hypotheses by ln p, best first, of at most `max_length` tokens, `</s>` counted.

    At each step the `width` most probable continuations stay, of equal ones the earlier; those that end in `</s>` are
    finished and leave the beam. A row stops when its best finished hypothesis (with `n_best`, that many of them) scores
    at least its best open one, for no open one can get better. At `max_length` open ones count as they are. There are
    fewer than `n_best` only where the search kept no more. Rows do not see each other. Raises ConfigError for an option
    out of range, DataError for a prompt that the model cannot read.
    """
    problems = check(rows, max_length)
    if width < 1:
        problems.append(f"width: {width} keeps nothing; keep at least 1")
    if not 1 <= n_best <= max(width, 1):
        problems.append(f"n_best: {n_best} is not from 1 to the width {width}; widen the beam or ask for fewer")
    refuse(problems)
    state = begin(lm, rows, prompt)
    searches = [_Row() for _ in range(rows)]
    active = list(range(rows))
    for left in reversed(range(max_length)):
        log_probs = look(lm, state).double()
        parents: list[int] = []  # rows of the state
        tokens: list[int] = []
        still: list[int] = []
        offset = 0
        for row in active:
            search = searches[row]
            count = len(search.open)
            kept = _extend(search, log_probs[offset : offset + count], width, lm.eos)
            if not search.decided(n_best):
                still.append(row)
                parents += [offset + parent for parent in kept]
                tokens += [hypothesis.tokens[-1] for hypothesis in search.open]
            offset += count
        active = still
        if not active or not left:
            break
        device = log_probs.device
        state = lm.advance(select(state, torch.tensor(parents)), torch.tensor(tokens, device=device))
    return [search.best(n_best) for search in searches]


def _extend(search: _Row, log_probs: Tensor, width: int, eos: int) -> list[int]:
    """Take the best continuations [count V] into the row; gives which beginning each open one grew from."""
    before = torch.tensor([hypothesis.log_prob for hypothesis in search.open], dtype=torch.float64)
    totals = (before.to(log_probs.device).unsqueeze(1) + log_probs).reshape(-1)
    grown: list[Hypothesis] = []
    parents: list[int] = []
    for place, total in zip(*_top(totals, width)):
        parent, token = divmod(place, log_probs.shape[1])
        tokens = search.open[parent].tokens
        if token == eos:
            search.finished.append(Hypothesis(tokens, total, True))
        else:
            grown.append(Hypothesis([*tokens, token], total, False))
            parents.append(parent)
    search.open = grown
    return parents


def _top(totals: Tensor, count: int) -> tuple[list[int], list[float]]:
    """The places of the `count` greatest possible totals, best first; topk alone leaves open which of equal ones."""
    least = totals.topk(min(count, len(totals))).values[-1]
    places = ((totals >= least) & (totals > -torch.inf)).nonzero().squeeze(1)
    order = totals[places].sort(descending=True, stable=True).indices[:count]
    return places[order].tolist(), totals[places[order]].tolist()

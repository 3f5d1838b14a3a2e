"""Walk: the fold that greedy search and sampling share; one token a row and step until each row has ended."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor

from ostinato.decode.constraints.base import Constraint
from ostinato.decode.constraints.combined import Constraints, dead_end
from ostinato.decode.hypothesis import Hypothesis
from ostinato.decode.lengths import each_row
from ostinato.decode.topk import not_numbers
from ostinato.errors import ConfigError, DataError
from ostinato.lm import Predictor, read, searched
from ostinato.padded import Padded
from ostinato.shapes import LogProbs
from ostinato.state import State, select

Choose: TypeAlias = Callable[[LogProbs, list[int]], Tensor]
"""From log-probabilities [N V] and the number of the row that each is of, a token each [N]."""


class Step(NamedTuple):
    """The rows still open, the token chosen for each and the model's ln p of it."""

    rows: list[int]
    tokens: list[int]
    log_probs: list[float]


@torch.no_grad()
def walk(
    lm: Predictor,
    choose: Choose,
    rows: int,
    max_length: int | Sequence[int],
    prompt: Padded | None = None,
    constraints: Sequence[Constraint] = (),
) -> Iterator[Step]:
    """Step after step; a row whose token is `</s>`, or its last, takes no part in the next one."""
    open_rows = torch.arange(rows)
    left = torch.tensor(each_row(max_length, rows))
    bound = Constraints(constraints, lm, open_rows, left)
    lm = searched(lm)
    state = begin(lm, rows, prompt)
    while True:
        log_probs = lm.log_probs(state)
        if bool(log_probs.isnan().any()):
            raise not_numbers()
        tokens = choose(bound.masked(log_probs), open_rows.tolist())
        chosen = log_probs.double().gather(1, tokens.unsqueeze(1)).squeeze(1)
        yield Step(open_rows.tolist(), tokens.tolist(), chosen.tolist())
        left = left - 1
        going_on = ((tokens.cpu() != lm.eos) & (left > 0)).nonzero().squeeze(1)
        if not len(going_on):
            return
        tokens = tokens[going_on.to(tokens.device)]
        bound.grow(going_on, tokens)
        if len(going_on) < len(open_rows):
            open_rows, left, state = open_rows[going_on], left[going_on], select(state, going_on)
        state = lm.advance(state, tokens)


def possible(log_probs: LogProbs, rows: list[int]) -> LogProbs:
    """The same. Raises ConfigError for a row where nothing is left."""
    dead = (log_probs.amax(dim=1) == -torch.inf).nonzero().squeeze(1)
    if len(dead):
        raise dead_end(rows[int(dead[0])])
    return log_probs


def gathered(steps: Iterator[Step], rows: int, eos: int) -> list[Hypothesis]:
    """One Hypothesis a row of all steps."""
    tokens: list[list[int]] = [[] for _ in range(rows)]
    log_probs = [0.0] * rows
    finished = [False] * rows
    for step in steps:
        for row, token, log_prob in zip(*step):
            log_probs[row] += log_prob
            if token == eos:
                finished[row] = True
            else:
                tokens[row].append(token)
    return [Hypothesis(*parts) for parts in zip(tokens, log_probs, finished, log_probs)]


def begin(lm: Predictor, rows: int, prompt: Padded | None) -> State:
    """The state after the prompt. Raises ConfigError or DataError for a prompt that does not fit."""
    state = lm.start(torch.arange(rows))
    if prompt is None or prompt.steps == 0:
        return state
    data = prompt.zeroed().data
    if prompt.batch != rows:
        raise ConfigError(f"decode: the prompt has {prompt.batch} rows but {rows} are asked for; give one prompt a row")
    if int(data.min()) < 0 or int(data.max()) >= lm.size:
        raise DataError(f"decode: the prompt has an id outside 0 … {lm.size - 1}; encode it with the model's tokenizer")
    return read(lm, Padded(data, prompt.lengths), state)

"""Stepwise decoding: the loop that greedy search and sampling share, one token a row and step."""

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
"""From log-probabilities [N V] and the row numbers of the N hypotheses, a token for each [N]."""


class Step(NamedTuple):
    """The rows that were open, the token of each and the model's ln p of it."""

    rows: list[int]
    tokens: list[int]
    log_probs: list[float]


@torch.no_grad()
def decode_steps(
    lm: Predictor,
    choose: Choose,
    rows: int,
    max_length: int | Sequence[int],
    prompt: Padded | None = None,
    constraints: Sequence[Constraint] = (),
) -> Iterator[Step]:
    """One Step after another until every row has ended, with `</s>` or at its `max_length`; `prompt` is [N T]."""
    open_rows = torch.arange(rows)
    remaining = torch.tensor(each_row(max_length, rows))
    combined = Constraints(constraints, lm, open_rows, remaining)
    lm = searched(lm)
    state = begin(lm, rows, prompt)
    while True:
        log_probs = lm.log_probs(state)
        if bool(log_probs.isnan().any()):
            raise not_numbers()
        tokens = choose(combined.masked(log_probs), open_rows.tolist())
        token_log_probs = log_probs.double().gather(1, tokens.unsqueeze(1)).squeeze(1)
        yield Step(open_rows.tolist(), tokens.tolist(), token_log_probs.tolist())
        remaining = remaining - 1
        still_open = ((tokens.cpu() != lm.eos) & (remaining > 0)).nonzero().squeeze(1)
        if not len(still_open):
            return
        tokens = tokens[still_open.to(tokens.device)]
        combined.grow(still_open, tokens)
        if len(still_open) < len(open_rows):
            open_rows, remaining, state = open_rows[still_open], remaining[still_open], select(state, still_open)
        state = lm.advance(state, tokens)


def possible(log_probs: LogProbs, rows: list[int]) -> LogProbs:
    """The log-probabilities [N V] as they are. Raises ConfigError for a row without a possible token."""
    dead = (log_probs.amax(dim=1) == -torch.inf).nonzero().squeeze(1)
    if len(dead):
        raise dead_end(rows[int(dead[0])])
    return log_probs


def gathered(steps: Iterator[Step], rows: int, eos: int) -> list[Hypothesis]:
    """One Hypothesis a row from all steps."""
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
    """The state of N = `rows` rows after the prompt [N T].

    Raises ConfigError for a prompt of another number of rows, DataError for an id that the model does not have.
    """
    state = lm.start(torch.arange(rows))
    if prompt is None or prompt.steps == 0:
        return state
    data = prompt.zeroed().data
    if prompt.batch != rows:
        raise ConfigError(f"decode: the prompt has {prompt.batch} rows but {rows} are asked for; give one prompt a row")
    if int(data.min()) < 0 or int(data.max()) >= lm.size:
        raise DataError(f"decode: the prompt has an id outside 0 … {lm.size - 1}; encode it with the model's tokenizer")
    return read(lm, Padded(data, prompt.lengths), state)

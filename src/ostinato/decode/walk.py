"""Walk: the fold that greedy search and sampling share; one token a row and step until each row has ended."""

from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor

from ostinato.decode.hypothesis import Hypothesis
from ostinato.errors import ConfigError, DataError, DivergedError
from ostinato.lm import Predictor
from ostinato.padded import Padded
from ostinato.shapes import LogProbs
from ostinato.state import State, select, where

Choose: TypeAlias = Callable[[LogProbs, list[int]], Tensor]
"""From log-probabilities [N V] and the number of the row that each is of, a token each [N]."""


class Step(NamedTuple):
    """The rows still open, the token chosen for each and the model's ln p of it."""

    rows: list[int]
    tokens: list[int]
    log_probs: list[float]


@torch.no_grad()
def walk(
    lm: Predictor, choose: Choose, rows: int, max_length: int, prompt: Padded | None = None
) -> Iterator[Step]:
    """Step after step; a row whose token is `</s>` takes no part in the next one."""
    state = begin(lm, rows, prompt)
    open_rows = list(range(rows))
    for left in reversed(range(max_length)):
        log_probs = look(lm, state)
        tokens = choose(log_probs, open_rows)
        chosen = log_probs.double().gather(1, tokens.unsqueeze(1)).squeeze(1)
        yield Step(open_rows, tokens.tolist(), chosen.tolist())
        going_on = (tokens != lm.eos).nonzero().squeeze(1)
        if not len(going_on) or not left:
            return
        if len(going_on) < len(open_rows):
            open_rows = [open_rows[i] for i in going_on.tolist()]
            state, tokens = select(state, going_on), tokens[going_on]
        state = lm.advance(state, tokens)


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
    return [Hypothesis(*parts) for parts in zip(tokens, log_probs, finished)]


def begin(lm: Predictor, rows: int, prompt: Padded | None) -> State:
    """The state after the prompt. Raises ConfigError or DataError for a prompt that does not fit."""
    state = lm.start(torch.arange(rows))
    if prompt is None or prompt.steps == 0:
        return state
    data, mask = prompt.zeroed().data, prompt.mask
    if prompt.batch != rows:
        raise ConfigError(f"decode: the prompt has {prompt.batch} rows but {rows} are asked for; give one prompt a row")
    if int(data.min()) < 0 or int(data.max()) >= lm.size:
        raise DataError(f"decode: the prompt has an id outside 0 … {lm.size - 1}; encode it with the model's tokenizer")
    own = getattr(lm, "score", None)
    if own is not None:  # a whole prompt at once, where the model knows how
        after: State = own(Padded(data, prompt.lengths), state)[1]
        return after
    for t in range(prompt.steps):
        state = where(mask[:, t], lm.advance(state, data[:, t]), state)
    return state


def look(lm: Predictor, state: State) -> LogProbs:
    """The model's log-probabilities. Raises DivergedError where they are not numbers."""
    log_probs = lm.log_probs(state)
    if bool(log_probs.isnan().any()):
        raise DivergedError(
            "decode: the model's probabilities are not numbers (NaN); load an older checkpoint or train it again"
        )
    return log_probs


def check(rows: int, max_length: int) -> list[str]:
    """What is wrong with the options that every search has, one sentence each."""
    problems = []
    if rows < 1:
        problems.append(f"rows: {rows} leaves nothing to decode; ask for at least 1")
    if max_length < 1:
        problems.append(f"max_length: {max_length} leaves no room for a token; allow at least 1")
    return problems


def refuse(problems: list[str]) -> None:
    """Raises ConfigError if there is a problem."""
    if problems:
        raise ConfigError([f"decode.{problem}" for problem in problems])

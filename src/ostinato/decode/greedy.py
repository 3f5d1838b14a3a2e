"""Greedy search: at each step the most probable token."""

from collections.abc import Iterator, Sequence

from torch import Tensor

from ostinato.decode.constraints.base import Constraint
from ostinato.decode.hypothesis import Hypothesis
from ostinato.decode.options import check, refuse
from ostinato.decode.stepwise import decode_steps, gathered, possible
from ostinato.lm import Predictor
from ostinato.padded import Padded
from ostinato.shapes import LogProbs


def greedy(
    lm: Predictor,
    rows: int = 1,
    *,
    max_length: int | Sequence[int],
    prompt: Padded | None = None,
    constraints: Sequence[Constraint] = (),
) -> list[Hypothesis]:
    """One Hypothesis a row, of at most `max_length` tokens, `</s>` counted; of equal tokens the lowest id wins.

    `prompt` holds ids [N T] for the N = `rows` rows. Raises ConfigError for an option out of range or constraints that
    leave nothing, DataError for a prompt that the model cannot read, DivergedError for a model that gives NaN.
    """
    refuse(check(rows, max_length))
    return gathered(decode_steps(lm, _best, rows, max_length, prompt, constraints), rows, lm.eos)


def greedy_tokens(
    lm: Predictor, *, max_length: int, prompt: Padded | None = None, constraints: Sequence[Constraint] = ()
) -> Iterator[int]:
    """`greedy` of one row, one token at a time; ends before `</s>`. `prompt` is [1 T]. Raises as `greedy` does."""
    refuse(check(1, max_length))
    steps = decode_steps(lm, _best, 1, max_length, prompt, constraints)
    return (token for step in steps for token in step.tokens if token != lm.eos)


def _best(log_probs: LogProbs, rows: list[int]) -> Tensor:
    return possible(log_probs, rows).argmax(dim=1)

"""Searches: the search functions as tables of a recipe, `search = { name = "beam", width = 5 }`.

The options of a table are those of the function it names. What depends on the model and the data comes with the call.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol, TypeAlias

from ostinato.decode.beam import beam, width_problems
from ostinato.decode.constraints.base import Constraint
from ostinato.decode.diverse import diverse_beam, group_problems
from ostinato.decode.greedy import greedy
from ostinato.decode.hypothesis import Hypothesis
from ostinato.decode.options import refuse
from ostinato.decode.ranking import GNMT, AverageLogProb, LengthPenalty, Ranking
from ostinato.decode.sample import Sampling, generator_of, sample
from ostinato.decode.stochastic import stochastic_beam
from ostinato.lm import Predictor
from ostinato.padded import Padded
from ostinato.registry import Count, NotNegative, Registry

Penalty: TypeAlias = NotNegative | Literal["average"]
"""What ln p is divided by: GNMT's ((5 + n) / 6)^alpha for a number alpha (0: nothing), n itself for "average"."""


class Search(Protocol):
    """From a language model to the hypotheses of each row."""

    def __call__(
        self,
        lm: Predictor,
        *,
        max_length: int | Sequence[int],
        rows: int | None = None,
        prompt: Padded | None = None,
        constraints: Sequence[Constraint] = (),
    ) -> list[list[Hypothesis]]:
        """For each row its hypotheses, best score first.

        A hypothesis has at most `max_length` tokens, `</s>` counted; one limit for all rows or one a row. There are as
        many rows as `prompt` [N T] has; without one, `rows` of them, by default 1. Raises ConfigError for an option out
        of range or constraints that leave a row nothing, DataError for a prompt that the model cannot read.
        """


searches: Registry[Search] = Registry(Search, "search", "ostinato.decode")
register = searches.register


@register("greedy")
def greedy_search() -> Search:
    """`ostinato.decode.greedy`: at each step the most probable token. One hypothesis a row."""
    return _search(lambda lm, **call: [[each] for each in greedy(lm, **call)])


@register("sample", example={"temperature": 0.8, "seed": 1})
def sample_search(
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
    typical: float | None = None,
    seed: int = 0,
) -> Search:
    """`ostinato.decode.sample`: one random hypothesis a row; the options are those of `Sampling`.

    Raises ConfigError for an option out of range.

    Options:
        temperature: what log-probabilities are divided by; below 1 safer, above 1 wilder.
        top_k: draw from this many of the likeliest tokens; not set: all.
        top_p: draw from the likeliest tokens that together have this probability; not set: all.
        min_p: draw from tokens with at least this share of the likeliest one's probability; not set: all.
        typical: draw from the most typical tokens that together have this probability; not set: all.
        seed: the same seed draws the same tokens.
    """
    options: dict[str, Any] = {
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "min_p": min_p,
        "typical": typical,
    }
    Sampling(**options)
    generator_of(seed, 0)
    return _search(lambda lm, **call: [[each] for each in sample(lm, seed=seed, **options, **call)])


@register("beam", example={"width": 3})
def beam_search(width: Count = 5, n_best: Count = 1, length_penalty: Penalty = 0.0, word_bonus: float = 0.0) -> Search:
    """`ostinato.decode.beam`: the `n_best` best hypotheses of a beam of `width`, by ln p, length and `word_bonus` (nats
    a token).

    Raises ConfigError for an option out of range.

    Options:
        width: hypotheses that are kept at each step.
        n_best: hypotheses that are returned for each row.
        length_penalty: exponent of GNMT's length penalty (0: none), or "average" for the mean a token.
        word_bonus: nats that each token adds to a hypothesis.
    """
    refuse(width_problems(width, 1, 1, n_best))
    ranking = _ranking(length_penalty, word_bonus)
    return _search(lambda lm, **call: beam(lm, width, n_best=n_best, ranking=ranking, **call))


@register("diverse_beam", example={"width": 2, "groups": 2})
def diverse_beam_search(
    width: Count = 2,
    groups: Count = 3,
    strength: NotNegative = 0.5,
    length_penalty: Penalty = 0.0,
    word_bonus: float = 0.0,
) -> Search:
    """`ostinato.decode.diverse_beam`: the hypotheses of all `groups` beams of `width`, best score first; of equal ones
    those of the earlier group.

    Raises ConfigError for an option out of range.

    Options:
        width: hypotheses that each group keeps at each step.
        groups: beams that are kept apart.
        strength: nats that a token loses for each earlier group that has chosen it at this step.
        length_penalty: exponent of GNMT's length penalty (0: none), or "average" for the mean a token.
        word_bonus: nats that each token adds to a hypothesis.
    """
    refuse(group_problems(groups, strength))
    ranking = _ranking(length_penalty, word_bonus)

    def search(lm: Predictor, **call: Any) -> list[list[Hypothesis]]:
        by_group = diverse_beam(lm, width, groups, strength, ranking=ranking, **call)
        return [sorted((each for group in row for each in group), key=lambda h: -h.score) for row in by_group]

    return _search(search)


@register("stochastic_beam", example={"width": 3})
def stochastic_beam_search(width: Count = 5, seed: int = 0) -> Search:
    """`ostinato.decode.stochastic_beam`: `width` different random hypotheses, in the order of their draws.

    Raises ConfigError for an option out of range.

    Options:
        width: hypotheses that are drawn, all different.
        seed: the same seed draws the same hypotheses.
    """
    generator_of(seed, 0)
    return _search(lambda lm, **call: stochastic_beam(lm, width, seed=seed, **call))


def _search(function: Callable[..., list[list[Hypothesis]]]) -> Search:
    """The function with the rows counted."""

    def search(
        lm: Predictor,
        *,
        max_length: int | Sequence[int],
        rows: int | None = None,
        prompt: Padded | None = None,
        constraints: Sequence[Constraint] = (),
    ) -> list[list[Hypothesis]]:
        count = rows if rows is not None else 1 if prompt is None else prompt.batch
        return function(lm, rows=count, max_length=max_length, prompt=prompt, constraints=constraints)

    return search


def _ranking(length_penalty: float | Literal["average"], word_bonus: float) -> Ranking:
    length: LengthPenalty | None = None
    if length_penalty == "average":
        length = AverageLogProb()
    elif length_penalty:
        length = GNMT(length_penalty)
    return Ranking(length, word_bonus)

"""A search by name is the function of that name, its options those of a recipe's table."""

import pytest
import torch
from everything import Chance

from ostinato import decode
from ostinato.decode import GNMT, AverageLogProb, Forbid, Ranking, searches
from ostinato.errors import ConfigError
from ostinato.padded import Padded

LM = Chance(size=5, seed=3)
PROMPT = Padded(torch.tensor([[1, 2], [3, 0]]), torch.tensor([2, 1]))


def one_each(hypotheses):
    return [[each] for each in hypotheses]


def sorted_rows(rows):
    return [sorted((each for group in row for each in group), key=lambda each: -each.score) for row in rows]


FUNCTIONS = {
    "greedy": ({}, lambda **call: one_each(decode.greedy(LM, **call))),
    "sample": (
        {"temperature": 0.7, "top_k": 4, "top_p": 0.9, "min_p": 0.01, "typical": 0.95, "seed": 5},
        lambda **call: one_each(
            decode.sample(LM, temperature=0.7, top_k=4, top_p=0.9, min_p=0.01, typical=0.95, seed=5, **call)
        ),
    ),
    "beam": (
        {"width": 3, "n_best": 2, "length_penalty": 0.6, "word_bonus": 0.1},
        lambda **call: decode.beam(LM, 3, n_best=2, ranking=Ranking(GNMT(0.6), 0.1), **call),
    ),
    "diverse_beam": (
        {"width": 2, "groups": 3, "strength": 0.7, "length_penalty": "average"},
        lambda **call: sorted_rows(decode.diverse_beam(LM, 2, 3, 0.7, ranking=Ranking(AverageLogProb()), **call)),
    ),
    "stochastic_beam": ({"width": 3, "seed": 4}, lambda **call: decode.stochastic_beam(LM, 3, seed=4, **call)),
}


def test_every_registered_search_is_below():
    assert set(searches.names()) == set(FUNCTIONS)


@pytest.mark.parametrize("name", searches.names())
@pytest.mark.parametrize(
    ("call", "rows"), [({"prompt": PROMPT}, 2), ({"rows": 3}, 3), ({}, 1)], ids=["prompt", "rows", "neither"]
)
def test_it_is_its_function(name, call, rows):
    options, function = FUNCTIONS[name]
    given = {"max_length": 4, "constraints": [Forbid([2])], **call}
    hypotheses = searches.build({"name": name, **options})(LM, **given)
    assert hypotheses == function(**{**given, "rows": rows})
    assert len(hypotheses) == rows


@pytest.mark.parametrize("name", searches.names())
def test_its_hypotheses_stand_best_first(name):
    for row in searches.build(searches.example(name))(LM, max_length=4, rows=3):
        scores = [each.score for each in row]
        assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"name": "beam", "widht": 3}, r"search\.widht: beam has no such option; did you mean 'width'\?"),
        ({"name": "beam", "width": 0}, r"search\.width: 0 does not fit"),
        ({"name": "beam", "width": 2, "n_best": 3}, r"n_best: 3 is not from 1 to the width 2"),
        ({"name": "beam", "length_penalty": -1.0}, r"search\.length_penalty"),
        ({"name": "sample", "top_p": 1.5}, r"top_p: 1.5 is not a share"),
        ({"name": "sample", "seed": -1}, "seed: -1 is negative"),
        ({"name": "diverse_beam", "strength": -1.0}, r"search\.strength: -1.0 does not fit"),
        ({"name": "beem"}, r"there is no search 'beem'; did you mean 'beam'\?"),
    ],
)
def test_a_wrong_table_is_refused_before_the_search(table, message):
    with pytest.raises(ConfigError, match=message):
        searches.build(table, at="search")


def test_a_prompt_and_rows_that_differ_are_refused():
    with pytest.raises(ConfigError, match="the prompt has 2 rows but 3 are asked for"):
        searches.build({"name": "greedy"})(LM, max_length=2, rows=3, prompt=PROMPT)

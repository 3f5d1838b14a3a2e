"""Greedy and beam search against searching everything, on random models over tiny vocabularies."""

import pytest
import torch
from everything import Chance, Fixed, exhaustive, rescored
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.decode import Hypothesis, beam, greedy, greedy_tokens
from ostinato.errors import ConfigError, DataError, DivergedError
from ostinato.lm import Predictor
from ostinato.padded import Padded


def alike(found: list[Hypothesis], wanted: list[Hypothesis]) -> None:
    assert [(each.tokens, each.finished) for each in found] == [(each.tokens, each.finished) for each in wanted]
    assert [each.log_prob for each in found] == pytest.approx([each.log_prob for each in wanted], abs=1e-5)


def check_width_one_is_greedy(lm: Predictor, rows: int, max_length: int) -> None:
    beams = beam(lm, 1, rows, max_length=max_length)
    alike([best for (best,) in beams], greedy(lm, rows, max_length=max_length))


def check_wide_is_exhaustive(lm: Predictor, rows: int, max_length: int, n_best: int) -> None:
    found = beam(lm, lm.size**max_length, rows, max_length=max_length, n_best=n_best)
    for row in range(rows):
        alike(found[row], exhaustive(lm, max_length, row)[:n_best])


def check_scores_are_rescored(lm: Predictor, width: int, rows: int, max_length: int) -> None:
    for row, hypotheses in enumerate(beam(lm, width, rows, max_length=max_length, n_best=width)):
        assert hypotheses == sorted(hypotheses, key=lambda each: -each.log_prob)
        assert len({(tuple(each.tokens), each.finished) for each in hypotheses}) == len(hypotheses)
        for each in hypotheses:
            assert each.log_prob == pytest.approx(rescored(lm, each, row), abs=1e-5)
            assert len(each.tokens) + each.finished <= max_length


seeds = st.integers(0, 10_000)
few = settings(max_examples=12)


@given(seed=seeds, rows=st.integers(1, 3), max_length=st.integers(1, 6))
def test_width_one_is_greedy(seed, rows, max_length):
    check_width_one_is_greedy(Chance(seed=seed), rows, max_length)


@few
@given(seed=seeds, rows=st.integers(1, 2), max_length=st.integers(1, 3), n_best=st.integers(1, 4))
def test_wide_enough_is_exhaustive(seed, rows, max_length, n_best):
    check_wide_is_exhaustive(Chance(size=3, eos=1, seed=seed), rows, max_length, min(n_best, 3))


@given(seed=seeds, width=st.integers(1, 5), rows=st.integers(1, 3), max_length=st.integers(1, 6))
def test_scores_are_those_of_the_model(seed, width, rows, max_length):
    check_scores_are_rescored(Chance(seed=seed), width, rows, max_length)


@given(seed=seeds, width=st.integers(1, 4), rows=st.integers(2, 4))
def test_rows_do_not_see_each_other(seed, width, rows):
    together, fewer = (beam(Chance(seed=seed), width, count, max_length=5) for count in (rows, rows - 1))
    assert together[: rows - 1] == fewer
    assert greedy(Chance(seed=seed), rows, max_length=5)[:-1] == greedy(Chance(seed=seed), rows - 1, max_length=5)


@few
@given(seed=seeds)
def test_nothing_beats_searching_everything(seed):
    lm = Chance(size=3, seed=seed)
    best = exhaustive(lm, 3)[0].log_prob
    assert all(beam(lm, width, max_length=3)[0][0].log_prob <= best + 1e-5 for width in (1, 2, 3))


@given(seed=seeds, data=st.data())
def test_a_prompt_is_taken_in_first(seed, data):
    lm = Chance(seed=seed)
    prompts = data.draw(st.lists(st.lists(st.integers(1, 3), max_size=4), min_size=1, max_size=3))
    prompt = Padded.of([torch.tensor(row, dtype=torch.int64) for row in prompts])
    for row, found in enumerate(greedy(lm, len(prompts), max_length=4, prompt=prompt)):
        assert found.log_prob == pytest.approx(rescored(lm, found, row, prompts[row]), abs=1e-5)
    wide = beam(lm, 3, len(prompts), max_length=4, prompt=prompt)
    for row, (found,) in enumerate(wide):
        assert found.log_prob == pytest.approx(rescored(lm, found, row, prompts[row]), abs=1e-5)
    if prompts[0]:  # as if the prompt had been chosen: it is the same walk
        assert greedy_after(lm, prompts[0]) == greedy(lm, max_length=4, prompt=Padded.full(torch.tensor(prompts[:1])))


def greedy_after(lm: Predictor, prompt: list[int]) -> list[Hypothesis]:
    class Later:
        size, eos = lm.size, lm.eos
        log_probs, advance = lm.log_probs, lm.advance

        def start(self, owner):
            state = lm.start(owner)
            for token in prompt:
                state = lm.advance(state, torch.full_like(owner, token))
            return state

    return greedy(Later(), max_length=4)


@given(seed=seeds)
def test_tokens_come_one_by_one(seed):
    lm = Chance(seed=seed)
    assert list(greedy_tokens(lm, max_length=6)) == greedy(lm, max_length=6)[0].tokens


def test_tokens_come_as_they_are_known():
    lm, asked = Chance(eos=3), []
    look = lm.log_probs
    lm.log_probs = lambda state: asked.append(1) or look(state)
    tokens = greedy_tokens(lm, max_length=1000)
    next(tokens)
    assert len(asked) == 1


def test_equal_tokens_are_taken_in_order():
    lm = Fixed([-1.0986] * 3, eos=2)
    assert greedy(lm, max_length=3)[0].tokens == [0, 0, 0]
    alike(beam(lm, 1, max_length=3)[0], greedy(lm, max_length=3))


def test_the_search_stops_when_no_better_can_come():
    lm = Fixed([-0.1, -3.0, -4.0])  # closing at once is best
    asked = []
    look = lm.log_probs
    lm.log_probs = lambda state: asked.append(len(state[0])) or look(state)
    alike(beam(lm, 2, max_length=50)[0], [Hypothesis([], -0.1, True, -0.1)])
    assert asked == [1]
    asked.clear()
    assert len(beam(lm, 2, max_length=50, n_best=2)[0]) == 2
    assert asked == [1, 1]


def test_impossible_tokens_are_never_chosen():
    lm = Fixed([-torch.inf, 0.0, -torch.inf])
    assert beam(lm, 3, max_length=2, n_best=3) == [[Hypothesis([1, 1], 0.0, False, 0.0)]]


BAD = [
    ({"max_length": 0}, "max_length: 0"),
    ({"max_length": 2, "rows": 0}, "rows: 0"),
    ({"max_length": 2, "rows": 2, "prompt": Padded.full(torch.tensor([[1]]))}, "the prompt has 1 rows but 2"),
]


@pytest.mark.parametrize(("options", "said"), BAD, ids=["length", "rows", "prompt"])
def test_bad_options_are_refused(options, said):
    for search in (lambda **o: greedy(Chance(), **o), lambda **o: beam(Chance(), 2, **o)):
        with pytest.raises(ConfigError, match=said):
            search(**options)


def test_bad_beams_are_refused_all_at_once():
    with pytest.raises(ConfigError, match=r"decode\.max_length: .*\ndecode\.width: 0 .*\ndecode\.n_best: 2 "):
        beam(Chance(), 0, max_length=0, n_best=2)
    with pytest.raises(ConfigError, match="n_best: 0"):
        beam(Chance(), 2, max_length=1, n_best=0)


@pytest.mark.parametrize("token", [-1, 4])
def test_a_prompt_of_another_vocabulary_is_refused(token):
    with pytest.raises(DataError, match=r"outside 0 … 3"):
        greedy(Chance(), max_length=2, prompt=Padded.full(torch.tensor([[token]])))


def test_padding_of_a_prompt_is_not_read():
    prompt = Padded(torch.tensor([[1, 2], [3, -100]]), torch.tensor([2, 1]))
    clean = Padded(torch.tensor([[1, 2], [3, 0]]), torch.tensor([2, 1]))
    assert greedy(Chance(), 2, max_length=3, prompt=prompt) == greedy(Chance(), 2, max_length=3, prompt=clean)


def test_a_model_that_diverged_is_named():
    for search in (lambda lm: greedy(lm, max_length=2), lambda lm: beam(lm, 2, max_length=2)):
        with pytest.raises(DivergedError, match="are NaN"):
            search(Fixed([float("nan")] * 3))

"""Sampling draws what it says from what it says; a row hangs on its seed and number alone."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.decode import Sampling, greedy, sample, sample_tokens
from ostinato.decode.filters import keep_min_p, keep_top_k, keep_top_p, keep_typical, temper
from ostinato.errors import ConfigError
from ostinato.lm import BigramBaseline, token_log_probs
from ostinato.padded import Padded

LM = BigramBaseline.train([np.random.default_rng(0).integers(0, 6, 200)], 6, 0)
PROBS = [0.4, 0.3, 0.2, 0.1]

distributions = st.lists(st.floats(-8, 8), min_size=1, max_size=8).map(
    lambda row: torch.tensor([row], dtype=torch.float64).log_softmax(dim=1)
)


def logs(probs: list[float]) -> torch.Tensor:
    return torch.tensor([probs], dtype=torch.float64).log()


def shares(log_probs: torch.Tensor) -> list[float]:
    return pytest.approx(log_probs.exp()[0].tolist())


def check_filter(filtered: torch.Tensor, log_probs: torch.Tensor) -> None:
    """What stays keeps its proportions and sums to one, and the best stays."""
    kept = filtered > -torch.inf
    assert filtered.exp().sum().item() == pytest.approx(1)
    assert kept[0, log_probs[0].argmax()]
    shift = (filtered - log_probs)[kept]
    torch.testing.assert_close(shift, shift[:1].expand_as(shift))


@settings(max_examples=100)
@given(log_probs=distributions, count=st.integers(1, 10), mass=st.floats(0.01, 1), share=st.floats(0, 1))
def test_laws_of_filters(log_probs, count, mass, share):
    check_filter(keep_top_k(log_probs, count), log_probs)
    check_filter(keep_top_p(log_probs, mass), log_probs)
    check_filter(keep_min_p(log_probs, share), log_probs)
    assert (keep_top_k(log_probs, count) > -torch.inf).sum() == min(count, log_probs.shape[1])
    kept = log_probs.exp()[keep_top_p(log_probs, mass) > -torch.inf]
    assert kept.sum().item() >= mass - 1e-9
    assert kept.sum().item() - kept.min().item() < mass + 1e-9  # without the least of them it would be too little


def test_filters_by_hand():
    assert shares(keep_top_k(logs(PROBS), 2)) == [4 / 7, 3 / 7, 0, 0]
    assert shares(keep_top_p(logs(PROBS), 0.65)) == [4 / 7, 3 / 7, 0, 0]
    assert shares(keep_top_p(logs(PROBS), 0.75)) == [4 / 9, 3 / 9, 2 / 9, 0]
    assert shares(keep_min_p(logs(PROBS), 0.45)) == [4 / 9, 3 / 9, 2 / 9, 0]
    # H = 1.280 nats: 0.3 is 0.08 from it, 0.2 0.33, 0.4 0.36 and 0.1 1.02
    assert shares(keep_typical(logs(PROBS), 0.29)) == [0, 1, 0, 0]
    assert shares(keep_typical(logs(PROBS), 0.45)) == [0, 3 / 5, 2 / 5, 0]
    assert shares(keep_typical(logs(PROBS), 0.89)) == [4 / 9, 3 / 9, 2 / 9, 0]
    assert shares(keep_typical(logs([0.5, 0.5, 0.0]), 1.0)) == [0.5, 0.5, 0]
    assert shares(temper(logs([0.8, 0.2]), 0.5)) == [0.64 / 0.68, 0.04 / 0.68]
    assert shares(keep_top_k(logs([0.25] * 4), 2)) == [0.5, 0.5, 0, 0]


def test_filters_apply_in_the_order_that_is_stated():
    found = Sampling(temperature=1.0, top_k=3, top_p=0.7, min_p=0.8).filtered(logs(PROBS))
    assert shares(Sampling(top_k=3, typical=0.4).filtered(logs(PROBS))) == [4 / 7, 3 / 7, 0, 0]
    assert shares(found) == [1, 0, 0, 0]  # top_k: .44 .33 .22, top_p: .57 .43, min_p: 3/4 < 0.8


def test_nothing_is_filtered_unless_asked():
    torch.testing.assert_close(Sampling().filtered(logs(PROBS)), logs(PROBS))
    torch.testing.assert_close(Sampling(top_k=99, top_p=1.0, min_p=0.0, typical=1.0).filtered(logs(PROBS)), logs(PROBS))


@given(seed=st.integers(0, 1000), rows=st.integers(2, 5))
def test_a_row_hangs_on_its_seed_and_number_alone(seed, rows):
    more = sample(LM, rows, max_length=8, seed=seed)
    assert more[:-1] == sample(LM, rows - 1, max_length=8, seed=seed)
    assert more[0].tokens == list(sample_tokens(LM, max_length=8, seed=seed))


@settings(max_examples=40)
@given(log_probs=distributions, mass=st.floats(0.01, 1))
def test_the_typical_are_the_nearest_to_the_entropy(log_probs, mass):
    """By the definition: the nearest first, until there is enough."""
    normal = log_probs[0].log_softmax(dim=0)
    entropy = -float((normal.exp() * normal).sum())
    kept, total = set(), 0.0
    for token in sorted(range(len(normal)), key=lambda token: abs(float(normal[token]) + entropy)):
        if total < mass:
            kept.add(token)
        total += float(normal[token].exp())
    filtered = keep_typical(log_probs, mass)
    # Where two are equally near, or the sum meets the mass, rounding may decide otherwise.
    if filtered.exp()[0].gt(0).nonzero().squeeze(1).tolist() != sorted(kept):
        distances = sorted((normal + entropy).abs().tolist())
        near = min((b - a for a, b in pairwise(distances)), default=1.0)
        assert near < 1e-9 or abs(total - mass) < 1e-9
    assert filtered.exp().sum().item() == pytest.approx(1)


def test_rows_and_seeds_differ():
    found = sample(LM, 50, max_length=20, seed=1)
    assert len({tuple(each.tokens) for each in found}) > 30
    assert found != sample(LM, 50, max_length=20, seed=2)


def test_a_generator_may_be_given():
    made = [sample(LM, 3, max_length=9, seed=torch.Generator().manual_seed(5)) for _ in range(2)]
    assert made[0] == made[1]
    going_on = torch.Generator().manual_seed(5)
    assert sample(LM, 3, max_length=9, seed=going_on) != sample(LM, 3, max_length=9, seed=going_on)


def test_tokens_are_as_frequent_as_they_are_probable():
    found = sample(LM, 4000, max_length=1, seed=0)
    counts = np.bincount([each.tokens[0] if each.tokens else 0 for each in found], minlength=6)
    expected = LM.log_probs(LM.start(torch.arange(1))).exp()[0].numpy() * 4000
    chi_square = ((counts - expected) ** 2 / expected).sum()
    assert chi_square < 20.5  # 0.1 % of fair draws with five degrees of freedom exceed it


def test_log_prob_is_the_models_own():
    for found in sample(LM, 20, max_length=6, seed=3, temperature=0.5, top_k=4):
        tokens = [*found.tokens, *([0] if found.finished else [])]
        log_probs, _ = token_log_probs(LM, Padded.full(torch.tensor([tokens])), LM.start(torch.arange(1)))
        assert found.log_prob == pytest.approx(log_probs.sum().item(), abs=1e-4)
        assert found.finished or len(found.tokens) == 6


@pytest.mark.parametrize("options", [{"top_k": 1}, {"min_p": 1.0}, {"top_p": 1e-9}, {"temperature": 1e-6}])
def test_the_narrowest_sampling_is_greedy(options):
    assert sample(LM, 3, max_length=10, **options) == greedy(LM, 3, max_length=10)


def test_tokens_left_out_are_never_drawn():
    best = LM.log_probs(LM.start(torch.arange(1)))[0].topk(2).indices.tolist()
    found = sample(LM, 500, max_length=1, top_k=2)
    assert {each.tokens[0] if each.tokens else 0 for each in found} == set(best)


def test_a_prompt_goes_first():
    prompt = Padded.of([torch.tensor([1, 2]), torch.tensor([3])])
    both = sample(LM, 2, max_length=5, prompt=prompt)
    assert both[0] == sample(LM, 1, max_length=5, prompt=Padded.full(torch.tensor([[1, 2]])))[0]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"temperature": 0.0}, "temperature: 0.0 .* greedy"),
        ({"temperature": -1.0}, "temperature"),
        ({"temperature": math.nan}, "temperature"),
        ({"temperature": math.inf}, "temperature"),
        ({"top_k": 0}, "top_k: 0 keeps no token"),
        ({"top_p": 0.0}, "top_p"),
        ({"top_p": 1.1}, "top_p"),
        ({"top_p": math.nan}, "top_p"),
        ({"min_p": -0.1}, "min_p"),
        ({"typical": 0.0}, "typical: 0.0"),
        ({"typical": 1.5}, "typical"),
        ({"min_p": 1.5}, "min_p"),
        ({"max_length": 0}, "max_length"),
        ({"seed": -1}, "seed: -1"),
    ],
)
def test_bad_options_are_refused(options, said):
    for search in (sample, sample_tokens):
        with pytest.raises(ConfigError, match=f"decode.{said}"):
            search(LM, **{"max_length": 3, **options})


def test_all_bad_options_are_named_at_once():
    with pytest.raises(ConfigError) as caught:
        sample(LM, max_length=1, temperature=0.0, top_k=0, top_p=2.0, min_p=2.0)
    assert len(caught.value.problems) == 4

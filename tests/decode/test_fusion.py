"""Several models searched as one: mixtures are language models, fusion adds scores."""

import numpy as np
import pytest
import torch
from everything import Attentive, Chance, Fixed, exhaustive, rescored
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.cells import LSTM
from ostinato.decode import Coverage, Fusion, Ranking, beam, greedy, sample
from ostinato.errors import ConfigError, DivergedError
from ostinato.layers import Embedding, Recurrent
from ostinato.lm import BigramBaseline, Mixture, UniformBaseline
from ostinato.models import Language
from ostinato.padded import Padded
from ostinato.testing.language_models import LAWS

BIGRAM = BigramBaseline.train([np.random.default_rng(1).integers(0, 4, 80)], 4, 0)
ONE, OTHER = np.array([0.5, 0.3, 0.2]), np.array([0.1, 0.1, 0.8])


def lstm() -> Language:
    torch.manual_seed(2)
    return Language(Embedding(4, inputs=4), Recurrent(LSTM(5, inputs=4)), eos=0).eval()


def says(lm) -> np.ndarray:
    return lm.log_probs(lm.start(torch.arange(1)))[0].double().exp().numpy()


def models() -> list[Fixed]:
    return [Fixed(np.log(each).tolist()) for each in (ONE, OTHER)]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("kind", ["linear", "log-linear"])
def test_mixtures_of_unlike_models_keep_the_laws(kind, law):
    with torch.no_grad():
        law(Mixture([lstm(), BIGRAM, UniformBaseline(size=4, eos=0)], [1.0, 2.0, 0.5], kind))


def test_they_are_what_they_say():
    assert says(Mixture(models())) == pytest.approx((ONE + OTHER) / 2)
    assert says(Mixture(models(), [3.0, 1.0])) == pytest.approx(0.75 * ONE + 0.25 * OTHER)
    root = np.sqrt(ONE * OTHER)
    assert says(Mixture(models(), kind="log-linear")) == pytest.approx(root / root.sum())
    assert says(Fusion(models()[0], [models()[1]], [0.3])) == pytest.approx(ONE * OTHER**0.3)
    assert says(Mixture([Fixed([0.0, -torch.inf]), Fixed([-torch.inf, 0.0])])) == pytest.approx([0.5, 0.5])


@settings(max_examples=2)
@given(seed=st.integers(0, 1000))
def test_a_wide_beam_over_them_is_the_exhaustive_search(seed):
    for lm in (Mixture([Chance(seed=seed), BIGRAM]), Mixture([Chance(seed=seed), lstm()], kind="log-linear"),
               Fusion(Chance(seed=seed), [lstm(), BIGRAM], [0.5, 0.2])):  # fmt: skip
        found = beam(lm, 64, max_length=3, n_best=3)[0]
        wanted = exhaustive(lm, 3)[:3]
        assert [each.tokens for each in found] == [each.tokens for each in wanted]
        assert [each.log_prob for each in found] == pytest.approx([rescored(lm, each) for each in found], abs=1e-5)


def test_prompts_and_all_searches_go_through_them():
    lm, prompt = Mixture([lstm(), BIGRAM]), Padded.of([torch.tensor([1, 2]), torch.tensor([3])])
    one = Padded.full(torch.tensor([[1, 2]]))
    for search in (greedy, sample, lambda lm, rows, **given: beam(lm, 2, rows, **given)):
        assert search(lm, 2, max_length=4, prompt=prompt)[0] == search(lm, 1, max_length=4, prompt=one)[0]


def test_fusion_keeps_the_models_attention():
    lm = Attentive([3], seed=1)
    ranking = Ranking(coverage=Coverage(1.0, [3]))
    found = beam(Fusion(lm, [BIGRAM], [0.1]), 3, max_length=4, ranking=ranking)[0][0]
    assert found.score < found.log_prob
    with pytest.raises(ConfigError, match="Fusion has no attention"):
        beam(Fusion(BIGRAM, [lm], [0.1]), 3, max_length=4, ranking=ranking)
    with pytest.raises(ConfigError, match="Mixture has no attention"):
        beam(Mixture([BIGRAM, lm]), 3, max_length=4, ranking=ranking)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Fusion(BIGRAM, [UniformBaseline(size=5, eos=0)], [1.0]), "vocabulary .4 tokens with </s> 0, 5 tokens"),
        (lambda: Fusion(BIGRAM, [UniformBaseline(size=4, eos=1)], [1.0]), "differ in their vocabulary"),
        (lambda: Fusion(BIGRAM, [BIGRAM], [1.0, 2.0]), "there are 2 weights for 1 models"),
        (lambda: Fusion(BIGRAM, [BIGRAM], [-0.5]), "give each model one above 0"),
    ],
)
def test_what_does_not_fit_is_refused(make, said):
    with pytest.raises(ConfigError, match=said):
        make()


def test_models_that_agree_on_nothing_are_named():
    lm = Mixture([Fixed([0.0, -torch.inf]), Fixed([-torch.inf, 0.0])], kind="log-linear")
    with pytest.raises(DivergedError, match="every token has probability 0 in one of the models"):
        greedy(lm, max_length=1)

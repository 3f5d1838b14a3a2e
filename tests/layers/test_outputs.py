"""Output layers: each is a distribution, and what it costs is what torch says."""

import pytest
import torch
from torch.nn.functional import cross_entropy, linear

from ostinato.errors import ConfigError, StreamError
from ostinato.layers.outputs import Adaptive, Full, Sampled, linear_cross_entropy, outputs
from ostinato.models import models
from ostinato.padded import Padded
from ostinato.stepping import stepper

each = pytest.mark.parametrize("name", outputs.names())


def made(name: str, inputs=6, size=11, **more):
    torch.manual_seed(1)
    return outputs.build({**outputs.example(name), **more}, inputs=inputs, size=size)


@each
def test_scores_are_a_distribution_whose_cost_is_the_loss(name):
    layer = made(name).eval()
    x, targets = torch.randn(40, 6), torch.randint(0, 11, (40,))
    log_probs = torch.log_softmax(layer.logits(x.view(8, 5, 6)), -1)
    assert log_probs.shape == (8, 5, 11)
    costs = -log_probs.view(40, 11).gather(1, targets.unsqueeze(1)).sum()
    torch.testing.assert_close(layer.loss(x, targets), costs)


@each
def test_it_learns(name):
    layer = made(name)
    x, targets = torch.randn(200, 6), torch.randint(0, 11, (200,))
    x[:, 0] = targets.float() - 5
    before = layer.eval().loss(x, targets).item()
    layer.train()
    optimizer = torch.optim.Adam(layer.parameters(), 0.05)
    for _ in range(300):
        optimizer.zero_grad()
        layer.loss(x, targets).backward()
        optimizer.step()
    layer.eval()
    # An adaptive softmax has one number and no bias for its rare tokens here.
    assert layer.loss(x, targets).item() < (0.9 if name == "adaptive" else 0.6) * before


@each
def test_nothing_costs_nothing(name):
    layer = made(name)
    assert layer.loss(torch.zeros(0, 6), torch.zeros(0, dtype=torch.int64)).item() == 0
    assert layer.logits(torch.zeros(0, 6)).shape == (0, 11)


@each
def test_a_language_model_with_it_is_one(name):
    torch.manual_seed(1)
    table = {"name": "language", "cell": {"name": "gru", "hidden": 6}, "embedding": 5, "output": outputs.example(name)}
    model = models.build(table, size=11, eos=0).eval()
    tokens = Padded(torch.randint(0, 11, (3, 7)), torch.tensor([7, 0, 4]))
    targets = Padded(torch.randint(0, 11, (3, 7)), tokens.lengths)
    found, after = model.loss(tokens, targets)
    scores, other = model(tokens)
    wanted = cross_entropy(scores.data[tokens.mask], targets.data[tokens.mask], reduction="sum")
    torch.testing.assert_close(found, wanted)
    torch.testing.assert_close(after.output, other.output)
    if name == "adaptive":
        with pytest.raises(StreamError, match="Adaptive is not a linear output layer"):
            stepper(model)
    else:
        stepper(model)


def test_a_tied_model_takes_no_other_output():
    table = {"name": "language", "cell": {"name": "gru", "hidden": 6}, "tied": True, "output": {"name": "full"}}
    with pytest.raises(ConfigError, match="leave one of them out"):
        models.build(table, size=11, eos=0)


class TestLinearCrossEntropy:
    """Against torch's two functions, with room for a few rows at a time."""

    @pytest.fixture(autouse=True)
    def little_room(self, monkeypatch):
        import sys

        monkeypatch.setattr(sys.modules[linear_cross_entropy.__module__], "AT_ONCE", 70)

    @pytest.mark.parametrize("smoothing", [0.0, 0.1])
    @pytest.mark.parametrize("biased", [True, False])
    def test_value_and_gradients_are_torchs(self, smoothing, biased):
        torch.manual_seed(1)
        leaves = [torch.randn(shape, dtype=torch.double, requires_grad=True) for shape in ((23, 6), (11, 6), (11,))]
        x, weight, bias = leaves[0], leaves[1], leaves[2] if biased else None
        targets = torch.randint(0, 11, (23,))
        found = linear_cross_entropy(x, weight, bias, targets, smoothing)
        wanted = cross_entropy(linear(x, weight, bias), targets, reduction="sum", label_smoothing=smoothing)
        torch.testing.assert_close(found, wanted)
        asked = leaves if biased else leaves[:2]
        for a, b in zip(torch.autograd.grad(found * 0.3, asked), torch.autograd.grad(wanted * 0.3, asked), strict=True):
            torch.testing.assert_close(a, b)

    def test_what_needs_no_gradient_gets_none(self):
        x, weight, bias = torch.randn(23, 6), torch.randn(11, 6, requires_grad=True), torch.randn(11)
        targets = torch.randint(0, 11, (23,))
        loss = linear_cross_entropy(x, weight, bias, targets)
        (grad,) = torch.autograd.grad(loss, [weight])
        (wanted,) = torch.autograd.grad(cross_entropy(linear(x, weight, bias), targets, reduction="sum"), [weight])
        torch.testing.assert_close(grad, wanted)
        with torch.no_grad():
            torch.testing.assert_close(linear_cross_entropy(x, weight, bias, targets), loss)

    def test_a_second_backward_is_refused(self):
        loss = linear_cross_entropy(
            torch.randn(23, 6), torch.randn(11, 6, requires_grad=True), None, torch.zeros(23, dtype=torch.int64)
        )
        loss.backward(retain_graph=True)
        with pytest.raises(RuntimeError, match="compute the loss again"):
            loss.backward()


class TestSampled:
    def test_its_draws_are_of_different_tokens_and_rarer_ones_are_rarer(self):
        layer = made("sampled", size=1000, samples=100)
        drawn = [layer.draw(torch.device("cpu")) for _ in range(2000)]
        assert all(len(each.unique()) == len(each) for each in drawn)
        seen = torch.cat(drawn).bincount(minlength=1000) / 2000
        expected = layer.log_expected.exp()
        # Five standard deviations of a share of 2,000.
        assert ((seen - expected).abs() <= 5 * (expected * (1 - expected) / 2000).sqrt() + 1e-3).all()

    def test_the_mean_of_its_gradients_points_as_the_whole(self):
        layer = made("sampled", size=200, samples=150).train()
        x, targets = torch.randn(30, 6), torch.randint(0, 200, (30,))
        wanted = torch.autograd.grad(cross_entropy(layer.logits(x), targets, reduction="sum"), [layer.weight])[0]
        grads = [torch.autograd.grad(layer.loss(x, targets), [layer.weight])[0] for _ in range(300)]
        mean = torch.stack(grads).mean(0)
        assert torch.cosine_similarity(mean.flatten(), wanted.flatten(), 0) > 0.98


def test_smoothing_is_for_training():
    layer, x, targets = made("full", label_smoothing=0.2), torch.randn(9, 6), torch.randint(0, 11, (9,))
    scores = layer.logits(x)
    torch.testing.assert_close(
        layer.train().loss(x, targets), cross_entropy(scores, targets, reduction="sum", label_smoothing=0.2)
    )
    torch.testing.assert_close(layer.eval().loss(x, targets), cross_entropy(scores, targets, reduction="sum"))


@pytest.mark.parametrize("cutoffs", [[], [0], [11], [3, 3], [5, 2]])
def test_cutoffs_rise(cutoffs):
    with pytest.raises(ConfigError, match="must rise"):
        Adaptive(cutoffs, inputs=6, size=11)


def test_names():
    assert {type(made(name)) for name in outputs.names()} >= {Adaptive, Full, Sampled}
